import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, hostname, totalmem } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type { HostMetricsSchema } from "@blockvisor/wire/blockjoy/v1/metrics";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HostMetrics } from "../metrics/host-metrics.ts";

/** What the contract has fields for; the rest is `machine-report.ts`. */
export interface HostFacts {
  readonly networkName: string;
  readonly bvVersion: string;
  readonly os: string;
  readonly osVersion: string;
  readonly diskBytes: bigint;
  readonly cpuCores: bigint;
  readonly memoryBytes: bigint;
}

/** What the machine is (spec host-daemon §10.1, DB-10.7). `directory`: any path on the file system that holds the nodes. */
export async function hostFacts(version: string, directory: string): Promise<HostFacts> {
  const { blocks, bsize } = await statfs(directory);
  const { name, version: osVersion } = await osRelease();
  return {
    networkName: hostname(),
    bvVersion: version,
    os: name,
    osVersion,
    diskBytes: BigInt(blocks) * BigInt(bsize),
    cpuCores: BigInt(availableParallelism()),
    memoryBytes: BigInt(totalmem()),
  };
}

/** Worth telling: the size of a file system that shares its disk with others changes a little all the time. */
export function hasChanged(
  { diskBytes: before, ...known }: HostFacts,
  { diskBytes: now, ...found }: HostFacts,
): boolean {
  return !isDeepStrictEqual(known, found) || Math.abs(Number(now) / Number(before) - 1) > 0.01;
}

/**
 * What the machine uses, in the units that the names of the fields say (spec host-daemon §10.2, DB-10.1): hundredths of a core, and load
 * in percent of all cores. The host that was before sent percent of all cores and bare load averages; no API reckons with either.
 */
export function hostFigures(
  hostId: string,
  found: HostMetrics,
  cores: number,
): MessageInitShape<typeof HostMetricsSchema> {
  const percent = (load: number): number => (100 * load) / cores;
  return {
    hostId,
    usedCpuHundreths: BigInt(Math.round(found.usedCpuPercent * cores)),
    usedMemoryBytes: found.usedMemoryBytes,
    usedDiskBytes: found.usedDiskBytes,
    loadOnePercent: percent(found.loadOne),
    loadFivePercent: percent(found.loadFive),
    loadFifteenPercent: percent(found.loadFifteen),
    networkReceivedBytes: found.networkReceivedBytes,
    networkSentBytes: found.networkSentBytes,
    uptimeSeconds: found.uptimeSeconds,
    usedIps: [...found.usedIps],
  };
}

async function osRelease(): Promise<{ readonly name: string; readonly version: string }> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { name: value("NAME") || "Linux", version: value("VERSION_ID") };
}
