import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { type CgroupHierarchies, controllerFolder } from "./hierarchies.ts";

/** What a node has had from disks since its cgroup was made. */
export interface DiskIo {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** What the kernels' schedulers call a weight; all take 10 to 1000, and 100 for who says nothing. */
const WEIGHT_FILES = {
  1: ["blkio.bfq.weight", "blkio.weight"],
  2: ["io.weight", "io.bfq.weight"],
} as const;

const COUNTERS = {
  1: ["blkio.throttle.io_service_bytes_recursive", "blkio.bfq.io_service_bytes_recursive"],
  2: ["io.stat"],
} as const;

const USUAL_WEIGHT = 100;

/**
 * A node's share of a disk that has too little for all (DB-5.7). It is what a scheduler makes of it (bfq, or iocost): a machine without one, or
 * without the controller, shares evenly, and runs nodes all the same.
 */
export async function weighDiskIo(
  hierarchies: CgroupHierarchies,
  name: string,
  weight: number = USUAL_WEIGHT,
): Promise<void> {
  const folder = controllerFolder(hierarchies, "blkio", name);
  if (!folder) return;
  const files = WEIGHT_FILES[folder.version].map((file) => `${folder.path}/${file}`).filter((path) => existsSync(path));
  // Some kernels have the file and refuse it while no disk has the scheduler.
  const changed = files.filter((path) => readFileSync(path, "latin1").trim() !== String(weight));
  await Promise.all(changed.map((path) => writeFile(path, String(weight)).catch(() => {})));
}

/** Version 2 counts; version 1 does only where a disk has the scheduler, or is throttled. Undefined: nobody has counted. */
export async function readDiskIo(hierarchies: CgroupHierarchies, name: string): Promise<DiskIo | undefined> {
  const folder = controllerFolder(hierarchies, "blkio", name);
  if (!folder) return undefined;
  for (const file of COUNTERS[folder.version]) {
    const text = await readFile(`${folder.path}/${file}`, "utf8").catch(() => undefined);
    if (text === undefined || (folder.version === 1 && !text.includes(" Read "))) continue;
    return sumOfDisks(text, (device) => existsSync(`/sys/dev/block/${device}/device`));
  }
  return undefined;
}

/** Of `254:0 rbytes=1 wbytes=2 …` (version 2) or `254:0 Read 1` and `254:0 Write 2` (version 1). What goes through a device that is made of others, or of a file, is counted for these, too. */
export function sumOfDisks(text: string, isDisk: (device: string) => boolean): DiskIo {
  const sum = { readBytes: 0, writtenBytes: 0 };
  for (const line of text.split("\n")) {
    const device = line.slice(0, line.indexOf(" "));
    if (!/^\d+:\d+$/.test(device) || !isDisk(device)) continue;
    sum.readBytes += numberIn(line, /(?:\brbytes=| Read )(\d+)/);
    sum.writtenBytes += numberIn(line, /(?:\bwbytes=| Write )(\d+)/);
  }
  return sum;
}

function numberIn(line: string, pattern: RegExp): number {
  return Number(pattern.exec(line)?.[1] ?? 0);
}
