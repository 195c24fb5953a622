import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { NodeResourcesSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Pressure, ResourceUsage } from "../cgroups/index.ts";
import { dataOf } from "../node/data-place.ts";
import type { NodeHost } from "../node/node-host.ts";
import { limitsOf } from "../node/node-limits.ts";
import type { NodeState } from "../node/node-state.ts";
import { nodePaths } from "../place/paths.ts";
import { diskUse } from "./disk-use.ts";

const sampleMs = 200;
const countMs = 1_000;
const nothing = { bytes: 0, complete: true };

/** What the kernel says of a running container (spec host-daemon DB-10.2). Reads a dozen small files, starts nothing. */
export interface ContainerResources {
  readonly usage: ResourceUsage;
  readonly pressure: readonly Pressure[];
  /** Undefined on the host's network. Seen from the node. */
  readonly network: { readonly received: bigint; readonly sent: bigint } | undefined;
}

export async function containerResources(host: NodeHost, nodeId: string): Promise<ContainerResources | undefined> {
  const [usage, pressure, network] = await Promise.all([
    host.runtime.usage(nodeId),
    host.cgroups.pressure(nodeId),
    networkBytes(host, nodeId),
  ]);
  return usage && { usage, pressure, network };
}

/** Everything, for people: with the CPU of this moment, and what lies on the disk. */
export async function nodeResources(
  host: NodeHost,
  state: NodeState,
): Promise<MessageInitShape<typeof NodeResourcesSchema>> {
  const [resources, cpuPercent, disk] = await Promise.all([
    containerResources(host, state.id),
    cpuNow(host, state.id),
    onDisk(host, state),
  ]);
  if (resources === undefined) return disk;
  const { usage, pressure, network } = resources;
  const limits = limitsOf(host, state);
  return {
    ...disk,
    cpuSeconds: usage.cpuMicroseconds / 1e6,
    ...(cpuPercent === undefined ? {} : { cpuPercent }),
    memoryBytes: BigInt(usage.memoryBytes),
    ...(limits.memoryBytes === undefined ? {} : { memoryLimitBytes: BigInt(limits.memoryBytes) }),
    processes: usage.pids,
    ...(limits.pids === undefined ? {} : { processesLimit: limits.pids }),
    oomKills: usage.oomKills,
    pressure: [...pressure],
    ...(usage.disk
      ? { diskReadBytes: BigInt(usage.disk.readBytes), diskWrittenBytes: BigInt(usage.disk.writtenBytes) }
      : {}),
    ...(network ? { networkReceivedBytes: network.received, networkSentBytes: network.sent } : {}),
  };
}

/** What the kernel counts is asked of it; only what nobody counts is walked through. */
async function onDisk(host: NodeHost, state: NodeState) {
  const paths = nodePaths(host.paths, state.id);
  const deadline = Date.now() + countMs;
  const { kind } = state.space;
  const use = await host.spaces.use(paths.directory, kind);
  const isCounted = use !== undefined;
  const isElsewhere = state.data_directory !== null;
  const [data, changed] = await Promise.all([
    isCounted && !isElsewhere ? nothing : diskUse(dataOf(paths, state), deadline),
    isCounted ? nothing : changedBytes(paths.directory, state, deadline),
  ]);
  return {
    dataBytes: BigInt(data.bytes),
    changedBytes: BigInt(changed.bytes),
    diskIncomplete: !data.complete || !changed.complete,
    ...(use ? { space: { kind, usedBytes: BigInt(use.used), limitBytes: BigInt(use.limit) } } : {}),
  };
}

async function cpuNow(host: NodeHost, nodeId: string): Promise<number | undefined> {
  const before = await host.runtime.usage(nodeId);
  const started = performance.now();
  if (before === undefined) return undefined;
  await pause(sampleMs);
  const after = await host.runtime.usage(nodeId);
  const elapsedMicroseconds = (performance.now() - started) * 1_000;
  return after && Math.max(0, (100 * (after.cpuMicroseconds - before.cpuMicroseconds)) / elapsedMicroseconds);
}

/** What the node wrote over its image; where the root is a copy of the image, that copy. */
async function changedBytes(directory: string, { image }: NodeState, deadline: number) {
  const version = join(directory, "roots", image.rootfs);
  const upper = await diskUse(join(version, "upper"), deadline);
  const copy = await diskUse(join(version, "rootfs"), deadline);
  return { bytes: upper.bytes + copy.bytes, complete: upper.complete && copy.complete };
}

/** The counters of the host's end of the node's link: what it sends the node has received. */
async function networkBytes(host: NodeHost, nodeId: string): Promise<ContainerResources["network"]> {
  const handle = await host.network.inspect(nodeId);
  if (handle === undefined) return undefined;
  const counter = async (name: string): Promise<bigint> =>
    BigInt(await readFile(`/sys/class/net/${handle.hostInterface}/statistics/${name}`, "utf8").catch(() => "0"));
  const [received, sent] = await Promise.all([counter("tx_bytes"), counter("rx_bytes")]);
  return { received, sent };
}
