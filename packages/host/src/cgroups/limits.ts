import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { OperationError } from "@blockvisor/image/container";
import { weighDiskIo } from "./disk-io.ts";
import { limitDiskRate } from "./disk-rate.ts";
import { type CgroupHierarchies, controllerFolder } from "./hierarchies.ts";
import type { ResourceLimits } from "./resource-limits.ts";

/** Writes the limits of an existing cgroup; an absent limit is lifted. Error `cgroup-limit-refused`. */
export async function applyLimits(
  hierarchies: CgroupHierarchies,
  name: string,
  limits: ResourceLimits,
  disk: () => Promise<string | undefined>,
): Promise<void> {
  await Promise.all([
    limitMemory(hierarchies, name, limits.memoryBytes),
    limitProcesses(hierarchies, name, limits.pids),
    limitCpus(hierarchies, name, limits.cpus),
    limitCpuTime(hierarchies, name, limits.cpuTime),
    weighDiskIo(hierarchies, name, limits.diskWeight),
    limitDiskRate(hierarchies, name, limits.diskRate, disk),
  ]);
}

const periodUs = 100_000;

async function limitCpuTime(hierarchies: CgroupHierarchies, name: string, cores: number | undefined): Promise<void> {
  const folder = controllerFolder(hierarchies, "cpu", name);
  const file = folder?.version === 2 ? "cpu.max" : "cpu.cfs_quota_us";
  if (!folder || !existsSync(`${folder.path}/${file}`)) return refuseUnless(cores, "cpu");
  const quota = cores === undefined ? undefined : Math.round(cores * periodUs);
  if (folder.version === 2) {
    await set(folder.path, file, quota === undefined ? "max" : `${quota} ${periodUs}`);
    if (cores !== undefined) await set(folder.path, "cpu.weight", Math.min(10_000, Math.round(cores * 100)));
    return;
  }
  if (quota !== undefined) await set(folder.path, "cpu.cfs_period_us", periodUs);
  await set(folder.path, file, quota ?? -1);
  if (cores !== undefined) await set(folder.path, "cpu.shares", Math.round(cores * 1024));
}

/** So much below its limit a node begins to be held to what it can give up itself, cache first, before the kernel has to kill (DB-5.7). */
const highMark = { share: 1 / 32, bytes: 64_000_000 } as const;

function highOf(bytes: number): number {
  return Math.round(bytes - Math.min(bytes * highMark.share, highMark.bytes));
}

async function limitMemory(hierarchies: CgroupHierarchies, name: string, bytes: number | undefined): Promise<void> {
  const folder = controllerFolder(hierarchies, "memory", name);
  if (!folder || (folder.version === 2 && !existsSync(`${folder.path}/memory.max`)))
    return refuseUnless(bytes, "memory");
  if (folder.version === 2) {
    await set(folder.path, "memory.max", bytes ?? "max");
    await set(folder.path, "memory.high", bytes === undefined ? "max" : highOf(bytes));
    if (existsSync(`${folder.path}/memory.swap.max`)) await set(folder.path, "memory.swap.max", bytes ? 0 : "max");
    return;
  }
  const files = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"].filter((file) =>
    existsSync(`${folder.path}/${file}`),
  );
  const current = Number(readFileSync(`${folder.path}/memory.limit_in_bytes`, "utf8"));
  // Memory must never exceed memory plus swap: the order depends on the direction.
  const ordered = (bytes ?? Number.POSITIVE_INFINITY) > current ? files.toReversed() : files;
  for (const file of ordered) await set(folder.path, file, bytes ?? -1);
  const soft = "memory.soft_limit_in_bytes";
  if (existsSync(`${folder.path}/${soft}`)) await set(folder.path, soft, bytes === undefined ? -1 : highOf(bytes));
}

async function limitProcesses(hierarchies: CgroupHierarchies, name: string, pids: number | undefined): Promise<void> {
  const folder = controllerFolder(hierarchies, "pids", name);
  // A safety net against fork bombs, not something a node was promised: a machine without it still runs nodes.
  if (!folder || !existsSync(`${folder.path}/pids.max`)) return;
  await set(folder.path, "pids.max", pids ?? "max");
}

async function limitCpus(
  hierarchies: CgroupHierarchies,
  name: string,
  cpus: readonly number[] | undefined,
): Promise<void> {
  const wanted = cpus && cpus.length > 0 ? cpus.join(",") : undefined;
  const folder = controllerFolder(hierarchies, "cpuset", name);
  if (!folder || !existsSync(`${folder.path}/cpuset.cpus`)) return refuseUnless(wanted, "cpuset");
  if (folder.version === 2) return set(folder.path, "cpuset.cpus", wanted ?? "\n");
  // Version 1 starts empty, and a cgroup without cores or memory nodes admits no process.
  await inherit(folder.path, "cpuset.mems");
  await inherit(dirname(folder.path), "cpuset.cpus");
  if (wanted === undefined) await inherit(folder.path, "cpuset.cpus");
  else await set(folder.path, "cpuset.cpus", wanted);
}

async function inherit(folder: string, file: string): Promise<void> {
  const parent = readFileSync(`${dirname(folder)}/${file}`, "utf8").trim();
  if (parent !== "") return set(folder, file, parent);
  await inherit(dirname(folder), file);
  await inherit(folder, file);
}

async function set(folder: string, file: string, value: string | number): Promise<void> {
  if (isSet(`${folder}/${file}`, value)) return;
  try {
    await writeFile(`${folder}/${file}`, String(value));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperationError(
      "cgroup-limit-refused",
      `the kernel refuses ${file} = ${String(value).trim()}: ${reason}`,
      {
        fix: "check that the machine has these cores, and that the memory in use is below the new limit",
        cause,
      },
    );
  }
}

/** Read on the spot: the kernel has it at hand, and most nodes start with the limits that they had. Bytes it rounds to whole pages. */
function isSet(path: string, value: string | number): boolean {
  try {
    const now = readFileSync(path, "latin1").trim();
    return (
      now === String(value).trim() || (typeof value === "number" && value > 0 && Number(now) === wholePages(value))
    );
  } catch {
    return false; // the kernel says why when it is written
  }
}

const pageBytes = 4_096;
const wholePages = (bytes: number): number => Math.floor(bytes / pageBytes) * pageBytes;

function refuseUnless(limit: unknown, controller: string): void {
  if (limit === undefined) return;
  throw new OperationError("cgroup-limit-refused", `this machine has no '${controller}' cgroup controller`, {
    fix: "enable it on the kernel's command line, or turn the limit off in the configuration",
  });
}
