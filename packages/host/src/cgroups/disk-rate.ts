import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { OperationError } from "@blockvisor/image/container";
import { type CgroupHierarchies, controllerFolder } from "./hierarchies.ts";
import type { DiskRate } from "./resource-limits.ts";

const FIRST = { read: "blkio.throttle.read_bps_device", written: "blkio.throttle.write_bps_device" } as const;
const SECOND = "io.max";

/**
 * What a node may read and write in a second, at most, of the disk that nodes lie on (DB-5.7); an absent rate is lifted, of every disk. Version 1
 * holds back only what is written past the cache. Error `cgroup-limit-refused`.
 */
export async function limitDiskRate(
  hierarchies: CgroupHierarchies,
  name: string,
  rate: DiskRate | undefined,
  disk: () => Promise<string | undefined>,
): Promise<void> {
  const folder = controllerFolder(hierarchies, "blkio", name);
  const file = folder?.version === 2 ? SECOND : FIRST.written;
  if (!folder || !existsSync(`${folder.path}/${file}`)) {
    if (rate === undefined) return;
    throw refused("this machine's kernel cannot", "boot one with CONFIG_BLK_DEV_THROTTLING");
  }
  if (folder.version === 2) await lift(`${folder.path}/${SECOND}`, (device) => `${device} rbps=max wbps=max`);
  else for (const each of Object.values(FIRST)) await lift(`${folder.path}/${each}`, (device) => `${device} 0`);
  if (rate === undefined) return;
  const device = await disk();
  if (device === undefined) throw refused("the nodes lie on no disk of this machine", "keep them on a local disk");
  const { readBytes = "max", writtenBytes = "max" } = rate;
  if (folder.version === 2) {
    await set(`${folder.path}/${SECOND}`, `${device} rbps=${readBytes} wbps=${writtenBytes}`);
    return;
  }
  if (readBytes !== "max") await set(`${folder.path}/${FIRST.read}`, `${device} ${readBytes}`);
  if (writtenBytes !== "max") await set(`${folder.path}/${FIRST.written}`, `${device} ${writtenBytes}`);
}

/** Takes away what is set: a line for each device. */
async function lift(file: string, line: (device: string) => string): Promise<void> {
  const text = existsSync(file) ? readFileSync(file, "latin1") : "";
  for (const device of text.match(/^\d+:\d+/gm) ?? []) await set(file, line(device));
}

async function set(file: string, line: string): Promise<void> {
  await writeFile(file, line).catch((cause: Error) => {
    throw refused(`the kernel refuses '${line}': ${cause.message}`, "give other numbers", cause);
  });
}

function refused(reason: string, fix: string, cause?: unknown): OperationError {
  return new OperationError("cgroup-limit-refused", `what nodes read and write cannot be limited: ${reason}`, {
    fix: `${fix}, or take containers.disk_read_mbps and disk_write_mbps out of blockvisor.json`,
    cause,
  });
}
