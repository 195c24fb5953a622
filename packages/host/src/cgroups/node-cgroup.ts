import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "@blockvisor/image/container";
import { announceMove } from "./announce-move.ts";
import { diskUnder } from "./disk-device.ts";
import { readDiskIo } from "./disk-io.ts";
import { type CgroupHierarchies, cgroupFolders, controllerFolder, detectHierarchies } from "./hierarchies.ts";
import { applyLimits } from "./limits.ts";
import { boundAllNodes } from "./machine-share.ts";
import { type Pressure, readPressure } from "./pressure.ts";
import type { ResourceLimits, ResourceUsage } from "./resource-limits.ts";

const PARENT = "blockvisor";
const POLL_MS = 10;

/** The control groups of nodes: `blockvisor/<node id>` in every hierarchy of the machine. All calls are idempotent. */
export interface NodeCgroups {
  /** Name below each hierarchy's root, e.g. for a runtime's configuration. */
  nameOf(nodeId: string): string;
  /** How the firewall recognises sockets of the node; `undefined` on a machine without version 2. The cgroup has to exist. */
  socketMatch(nodeId: string): CgroupSocketMatch | undefined;
  /** The node's folder in version 2; `undefined` on a machine without. */
  unifiedFolder(nodeId: string): string | undefined;
  /** Makes the node's cgroup where missing and sets its limits, also while processes run in it. Error `cgroup-limit-refused`. */
  ensure(nodeId: string, limits: ResourceLimits): Promise<void>;
  /** Called a little before a process joins, so that the kernel is ready for it then: see `announceMove`. */
  expectJoin(): Promise<void>;
  /** `cgroup.procs` of every hierarchy: a process writes itself (`0`) into each to join. */
  joinFiles(nodeId: string): readonly string[];
  processes(nodeId: string): Promise<readonly number[]>;
  usage(nodeId: string): Promise<ResourceUsage | undefined>;
  /** How many of its processes the kernel has ended for lack of memory since the cgroup was made; undefined: there is none. */
  oomKills(nodeId: string): number | undefined;
  /** What its processes wait for; empty without version 2, or where the kernel does not count it. */
  pressure(nodeId: string): Promise<readonly Pressure[]>;
  /** Holds every process still, until `thaw`. Nothing to hold: success. Error `cgroup-limit-refused` where the kernel cannot. */
  freeze(nodeId: string): Promise<void>;
  /** Lets processes go on; also after a daemon that died while they were held. */
  thaw(nodeId: string): Promise<void>;
  /** SIGKILL until nothing is left. Error `container-stop-failed` after `timeoutMs` (default 30 000). */
  kill(nodeId: string, timeoutMs?: number): Promise<void>;
  /** Kills what is left in it and removes it. */
  remove(nodeId: string): Promise<void>;
  /** Ids of all nodes that have one (for cleaning up orphans). */
  list(): Promise<readonly string[]>;
}

export interface CgroupSocketMatch {
  /** Path below /sys/fs/cgroup, as nft wants it. */
  readonly path: string;
  /** Depth below the root of the version 2 hierarchy. */
  readonly level: number;
}

/** `directory`: where nodes lie, whose disk a `diskRate` is about. */
export function createNodeCgroups(hierarchies: CgroupHierarchies = detectHierarchies(), directory = "/"): NodeCgroups {
  let found: Promise<string | undefined> | undefined;
  const disk = (): Promise<string | undefined> => (found ??= diskUnder(directory));
  const nameOf = (nodeId: string) => `${PARENT}/${nodeId}`;
  const foldersOf = (nodeId: string) => cgroupFolders(hierarchies, nameOf(nodeId));
  /** What is set for all nodes holds as long as the parent is there. */
  let prepared: Promise<void> | undefined;
  let announcing: Promise<void> | undefined;

  return {
    nameOf,

    socketMatch(nodeId) {
      const folder = hierarchies.unified && relative("/sys/fs/cgroup", `${hierarchies.unified}/${nameOf(nodeId)}`);
      return folder && !folder.startsWith("..") ? { path: folder, level: nameOf(nodeId).split("/").length } : undefined;
    },

    unifiedFolder: (nodeId) => hierarchies.unified && `${hierarchies.unified}/${nameOf(nodeId)}`,

    async ensure(nodeId, limits) {
      // Of the kernel's memory, not of a disk: a synchronous call is over before an asynchronous one has found its thread.
      if (!cgroupFolders(hierarchies, PARENT).every((folder) => existsSync(folder))) prepared = undefined;
      for (const folder of foldersOf(nodeId)) mkdirSync(folder, { recursive: true });
      prepared ??= prepareParent(hierarchies);
      await prepared;
      await applyLimits(hierarchies, nameOf(nodeId), limits, disk);
    },

    expectJoin: () =>
      (announcing ??= announceMove(hierarchies).finally(() => {
        announcing = undefined;
      })),

    joinFiles: (nodeId) => foldersOf(nodeId).map((folder) => `${folder}/cgroup.procs`),

    async processes(nodeId) {
      return [...new Set(foldersOf(nodeId).flatMap(processesBelow))];
    },

    usage: (nodeId) => readUsage(hierarchies, nameOf(nodeId)),

    oomKills: (nodeId) => {
      const memory = controllerFolder(hierarchies, "memory", nameOf(nodeId));
      return memory && existsSync(memory.path) ? oomKillsIn(memory) : undefined;
    },

    pressure: async (nodeId) =>
      hierarchies.unified ? readPressure((name) => `${hierarchies.unified}/${nameOf(nodeId)}/${name}.pressure`) : [],

    freeze: (nodeId) => setFrozen(hierarchies, nameOf(nodeId), true),

    thaw: (nodeId) => setFrozen(hierarchies, nameOf(nodeId), false),

    async kill(nodeId, timeoutMs = 30_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const processes = await this.processes(nodeId);
        if (processes.length === 0) return;
        for (const pid of processes) killProcess(pid);
        if (Date.now() > deadline) {
          throw new OperationError(
            "container-stop-failed",
            `processes ${processes.slice(0, 10).join(", ")} of node ${nodeId} do not die`,
            { fix: "they are probably stuck in the kernel (disk or network file system); see ps -o pid,stat,wchan" },
          );
        }
        await delay(POLL_MS);
      }
    },

    async remove(nodeId) {
      await this.kill(nodeId);
      for (const folder of foldersOf(nodeId)) await removeFolder(folder);
    },

    async list() {
      const lists = await Promise.all(cgroupFolders(hierarchies, PARENT).map(subfolders));
      return [...new Set(lists.flat())].sort();
    },
  };
}

const FREEZE_TIMEOUT_MS = 10_000;

async function setFrozen(hierarchies: CgroupHierarchies, name: string, frozen: boolean): Promise<void> {
  const folder = controllerFolder(hierarchies, "freezer", name);
  if (!folder || !existsSync(folder.path)) return;
  const [file, word] =
    folder.version === 1 ? ["freezer.state", frozen ? "FROZEN" : "THAWED"] : ["cgroup.freeze", frozen ? "1" : "0"];
  await writeFile(`${folder.path}/${file}`, word);
  const deadline = Date.now() + FREEZE_TIMEOUT_MS;
  while (frozen && !(await isFrozen(folder))) {
    if (Date.now() > deadline) {
      await setFrozen(hierarchies, name, false);
      throw new OperationError("cgroup-limit-refused", "the node's processes cannot be held still", {
        fix: "one is probably stuck in the kernel; stop the node for the copy instead (--stop)",
      });
    }
    await delay(POLL_MS);
  }
}

/** The kernel freezes in the background; version 1 says so when its state is read, version 2 among its events. */
async function isFrozen({ path, version }: { readonly path: string; readonly version: 1 | 2 }): Promise<boolean> {
  if (version === 1) return (await readFile(`${path}/freezer.state`, "utf8")).trim() === "FROZEN";
  return (await readFile(`${path}/cgroup.events`, "utf8")).includes("frozen 1");
}

async function prepareParent(hierarchies: CgroupHierarchies): Promise<void> {
  await delegateControllers(hierarchies);
  await boundAllNodes(hierarchies, PARENT);
}

/** Version 2 gives a cgroup only the controllers its parent passes on. */
async function delegateControllers({ unified }: CgroupHierarchies): Promise<void> {
  if (!unified) return;
  await mkdir(`${unified}/${PARENT}`, { recursive: true });
  const available = (await readFile(`${unified}/cgroup.controllers`, "utf8")).trim().split(" ");
  const wanted = ["cpu", "cpuset", "io", "memory", "pids"].filter((controller) => available.includes(controller));
  for (const folder of [unified, `${unified}/${PARENT}`]) {
    // One by one: a controller that cannot be passed on must not keep the others back.
    for (const controller of wanted)
      await writeFile(`${folder}/cgroup.subtree_control`, `+${controller}`).catch(() => {});
  }
}

function processesBelow(folder: string): readonly number[] {
  try {
    const own = readFileSync(`${folder}/cgroup.procs`, "utf8");
    const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [
      ...own.split("\n").filter(Boolean).map(Number),
      ...inner.flatMap(({ name }) => processesBelow(`${folder}/${name}`)),
    ];
  } catch {
    return []; // It is gone.
  }
}

async function readUsage(hierarchies: CgroupHierarchies, name: string): Promise<ResourceUsage | undefined> {
  const memory = controllerFolder(hierarchies, "memory", name);
  if (!memory || !existsSync(memory.path)) return undefined;
  const cpu = controllerFolder(hierarchies, "cpuacct", name);
  const pids = controllerFolder(hierarchies, "pids", name);
  const first = memory.version === 1;
  const [used, inactive, cpuTime, processes, disk] = await Promise.all([
    numberIn(memory.path, first ? "memory.usage_in_bytes" : "memory.current"),
    numberIn(memory.path, "memory.stat", first ? "total_inactive_file" : "inactive_file"),
    cpu?.version === 1 ? numberIn(cpu.path, "cpuacct.usage") : numberIn(cpu?.path ?? "", "cpu.stat", "usage_usec"),
    numberIn(pids?.path ?? "", "pids.current"),
    readDiskIo(hierarchies, name),
  ]);
  return {
    // Cache that the kernel would drop at once is not what the node needs.
    memoryBytes: Math.max(0, used - inactive),
    cpuMicroseconds: cpu?.version === 1 ? Math.round(cpuTime / 1_000) : cpuTime,
    pids: processes,
    oomKills: oomKillsIn(memory),
    disk,
  };
}

/** The number in a file, or after `key` in a file of `key value` lines; 0 where the kernel has none. */
async function numberIn(folder: string, file: string, key?: string): Promise<number> {
  return numberOf(await readFile(`${folder}/${file}`, "utf8").catch(() => ""), key);
}

function oomKillsIn({ path, version }: { readonly path: string; readonly version: 1 | 2 }): number {
  try {
    return numberOf(
      readFileSync(`${path}/${version === 1 ? "memory.oom_control" : "memory.events"}`, "utf8"),
      "oom_kill",
    );
  } catch {
    return 0;
  }
}

function numberOf(text: string, key?: string): number {
  if (key === undefined) return Number(text) || 0;
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return Number(line?.slice(key.length + 1)) || 0;
}

async function removeFolder(folder: string): Promise<void> {
  for (const name of await subfolders(folder)) await removeFolder(`${folder}/${name}`);
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await rmdir(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // The last process is gone from the list a moment before the kernel lets go of the folder.
      if (code !== "EBUSY" || attempt > 500) throw error;
      await delay(POLL_MS);
    }
  }
}

async function subfolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
