import { readFile, statfs } from "node:fs/promises";
import { cpus, loadavg, totalmem, uptime } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { machinePressure, type Pressure } from "../cgroups/index.ts";

/** Spec host-daemon §10.2, in honest units (DB-10.1). */
export interface HostMetrics {
  /** Percent of all cores, 0–100. */
  readonly usedCpuPercent: number;
  readonly usedMemoryBytes: bigint;
  readonly usedDiskBytes: bigint;
  readonly loadOne: number;
  readonly loadFive: number;
  readonly loadFifteen: number;
  readonly networkReceivedBytes: bigint;
  readonly networkSentBytes: bigint;
  readonly uptimeSeconds: bigint;
  readonly usedIps: string[];
  readonly totalMemoryBytes: bigint;
  readonly totalDiskBytes: bigint;
  /** Of the whole machine; empty where the kernel does not count it. */
  readonly pressure: readonly Pressure[];
}

const cpuSampleMs = 200;

const routeUp = 0x1;
const routeReject = 0x200;

/** `directory`: any path on the file system that holds the nodes. */
export async function hostMetrics(directory: string, usedIps: ReadonlySet<string>): Promise<HostMetrics> {
  const [usedCpuPercent, memory, disk, network, pressure] = await Promise.all([
    cpuPercent(),
    usedMemory(),
    statfs(directory),
    networkBytes(),
    machinePressure(),
  ]);
  const [loadOne = 0, loadFive = 0, loadFifteen = 0] = loadavg();
  return {
    usedCpuPercent,
    usedMemoryBytes: memory,
    usedDiskBytes: BigInt(disk.blocks - disk.bavail) * BigInt(disk.bsize),
    loadOne,
    loadFive,
    loadFifteen,
    networkReceivedBytes: network.received,
    networkSentBytes: network.sent,
    uptimeSeconds: BigInt(Math.floor(uptime())),
    usedIps: [...usedIps].sort(),
    totalMemoryBytes: BigInt(totalmem()),
    totalDiskBytes: BigInt(disk.blocks) * BigInt(disk.bsize),
    pressure,
  };
}

async function cpuPercent(): Promise<number> {
  const sample = (): { readonly idle: number; readonly all: number } => {
    const times = cpus().map((cpu) => cpu.times);
    const all = times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.idle + time.irq, 0);
    return { idle: times.reduce((sum, time) => sum + time.idle, 0), all };
  };
  const before = sample();
  await pause(cpuSampleMs);
  const after = sample();
  const elapsed = after.all - before.all;
  return elapsed <= 0 ? 0 : Math.max(0, 100 * (1 - (after.idle - before.idle) / elapsed));
}

async function usedMemory(): Promise<bigint> {
  const text = await readFile("/proc/meminfo", "utf8");
  const kib = (key: string): bigint => BigInt(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? "0");
  return (kib("MemTotal") - kib("MemAvailable")) * 1024n;
}

/** Since boot, of the interfaces that lead out of the machine; where none does, of all but loopback. */
async function networkBytes(): Promise<{ readonly received: bigint; readonly sent: bigint }> {
  const [text, uplinks] = await Promise.all([readFile("/proc/net/dev", "utf8"), uplinkNames()]);
  let received = 0n;
  let sent = 0n;
  for (const line of text.split("\n").slice(2)) {
    const [name = "", counters] = line.split(":").map((part) => part.trim());
    if (counters === undefined || (uplinks.size === 0 ? name === "lo" : !uplinks.has(name))) continue;
    const fields = counters.split(/\s+/);
    received += BigInt(fields[0] ?? 0);
    sent += BigInt(fields[8] ?? 0);
  }
  return { received, sent };
}

/** Interfaces of the default routes of both families that are up and let through (columns as in proc_net(5), flags of route.h). */
async function uplinkNames(): Promise<ReadonlySet<string>> {
  const rows = async (file: string) =>
    (await readFile(file, "utf8").catch(() => "")).split("\n").map((line) => line.trim().split(/\s+/));
  const leads = (flags = "0"): boolean => (Number.parseInt(flags, 16) & (routeUp | routeReject)) === routeUp;
  const [ipv4, ipv6] = await Promise.all([rows("/proc/net/route"), rows("/proc/net/ipv6_route")]);
  const anywhere = "0".repeat(8);
  return new Set([
    ...ipv4
      .filter(([, to, , flags, , , , mask]) => to === anywhere && mask === anywhere && leads(flags))
      .flatMap(([name = ""]) => name),
    ...ipv6
      .filter(([to, prefix, , , , , , , flags]) => to === anywhere.repeat(4) && prefix === "00" && leads(flags))
      .flatMap((columns) => columns[9] ?? []),
  ]);
}
