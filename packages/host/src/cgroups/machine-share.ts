import { readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { type CgroupHierarchies, controllerFolder } from "./hierarchies.ts";

/** What all nodes of a machine may take together. */
interface MachineShare {
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly pids: number;
}

/** So much of its memory and of its process numbers a machine keeps for itself: login, daemon, what reports that something is wrong. */
const kept = { memory: { share: 0.03, bytes: 256_000_000 }, pids: 0.25 } as const;

/** Nodes without a limit of their own, or with limits that are more than the machine has, stop here. */
export async function machineShare(): Promise<MachineShare> {
  const limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
  const numbers = await Promise.all(limits.map(async (path) => Number(await readFile(path, "utf8"))));
  const total = totalmem();
  return {
    memoryBytes: Math.floor(total - Math.max(total * kept.memory.share, kept.memory.bytes)),
    pids: Math.floor(Math.min(...numbers) * (1 - kept.pids)),
  };
}

/** Bounds the cgroup that all nodes are in. A machine without a controller, or one that gives its limits to somebody else, goes without. */
export async function boundAllNodes(hierarchies: CgroupHierarchies, name: string): Promise<void> {
  const { memoryBytes, pids } = await machineShare();
  const memory = controllerFolder(hierarchies, "memory", name);
  const processes = controllerFolder(hierarchies, "pids", name);
  const bound = async (file: string, value: number): Promise<void> => writeFile(file, String(value)).catch(() => {});
  if (memory)
    await bound(`${memory.path}/${memory.version === 1 ? "memory.limit_in_bytes" : "memory.max"}`, memoryBytes);
  if (processes) await bound(`${processes.path}/pids.max`, pids);
}
