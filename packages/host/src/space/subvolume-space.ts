import { lstatSync } from "node:fs";
import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { runTool } from "@blockvisor/image/container";
import { failpoint } from "../durable/index.ts";
import { mountOf } from "../rootfs/mount-table.ts";
import type { SpaceUse } from "./node-space.ts";

/** The root folder of every subvolume has this number. */
const rootInode = 256;
const fileSystems = "/sys/fs/btrfs";

const spaceOf = (directory: string): string => join(directory, "space");

export function isSubvolumeMade(directory: string): boolean {
  const found = lstatSync(spaceOf(directory), { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.ino === rootInode;
}

export async function makeSubvolume(directory: string): Promise<void> {
  await runTool("btrfs", ["subvolume", "create", spaceOf(directory)]);
  failpoint("space.made");
}

export async function limitSubvolume(directory: string, bytes: number): Promise<void> {
  await runTool("btrfs", ["qgroup", "limit", String(bytes), spaceOf(directory)]);
}

/**
 * Where the kernel tells of the quotas of the file system that a folder lies on, classic or simple ones; undefined: it is no btrfs, or its
 * quotas are switched off.
 */
export async function quotasOf(folder: string): Promise<string | undefined> {
  const mount = await mountOf(folder);
  if (mount?.fileSystem !== "btrfs") return undefined;
  const device = basename(await realpath(mount.source).catch(() => mount.source));
  for (const name of await readdir(fileSystems).catch(() => [])) {
    const devices = await readdir(join(fileSystems, name, "devices")).catch((): string[] => []);
    if (!devices.includes(device)) continue;
    const quotas = join(fileSystems, name, "qgroups");
    return (await numberIn(join(quotas, "enabled"))) === 1 ? quotas : undefined;
  }
  return undefined;
}

export async function subvolumeId(directory: string): Promise<number> {
  return Number((await runTool("btrfs", ["inspect-internal", "rootid", spaceOf(directory)])).stdout);
}

/** A limit of 0: there is none, as after quotas were off for a while. */
export async function subvolumeUse(quotas: string, id: number): Promise<SpaceUse> {
  const read = (name: string): Promise<number> => numberIn(join(quotas, `0_${id}`, name));
  const [used, limit] = await Promise.all([read("referenced"), read("max_referenced")]);
  return { used, limit };
}

/** NaN where there is no such file. */
async function numberIn(file: string): Promise<number> {
  return readFile(file, "utf8").then(Number, () => Number.NaN);
}
