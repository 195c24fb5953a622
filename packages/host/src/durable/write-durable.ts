import { closeSync, fsync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { makesRoom } from "./ballast.ts";
import { failpoint } from "./failpoint.ts";

const toDisk = promisify(fsync);

let sequence = 0;

/**
 * Replaces the file at `path` with `data` so that after any crash it holds either the old or the new content in full
 * (spec host-daemon DB-1.1). Resolves when the new content is on disk. The folder must exist. `mode` defaults to 0600.
 */
export async function writeDurable(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await orWithRoom(path, () => replace(path, data, mode));
  await syncDirectory(dirname(path));
}

/**
 * As `writeDurable`, for what is worthless after a reboot: whole after any death of the daemon, but nobody waits for the disk, so it is written on
 * the spot: the thread pool costs many times what the kernel takes. Whoever reads such a file must take one that cannot be read for none.
 */
export async function writeForThisBoot(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await orWithRoom(path, () => writeInMemory(path, data, mode));
}

/** The same for what lies in memory (`run/`), of which there is enough. */
export function writeInMemory(path: string, data: string | Uint8Array, mode = 0o600): void {
  const temporary = temporaryOf(path);
  try {
    writeFileSync(temporary, data, { flag: "wx", mode });
    failpoint("durable.written");
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  failpoint("durable.renamed");
}

function temporaryOf(path: string): string {
  sequence += 1;
  return join(dirname(path), `.${basename(path)}.tmp-${process.pid}-${sequence}`);
}

async function orWithRoom(path: string, write: () => void | Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(await makesRoom(path, error))) throw error;
    await write();
  }
}

async function replace(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    // Only the disk is waited for: all else is over before another thread has taken it on.
    const file = openSync(temporary, "wx", mode);
    try {
      writeFileSync(file, data);
      failpoint("durable.written");
      await toDisk(file);
    } finally {
      closeSync(file);
    }
    failpoint("durable.synced");
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  failpoint("durable.renamed");
}

/** Removes a file, with what a cut write of it has left, so that it stays removed after a crash; a missing file is success. */
export async function removeDurable(path: string): Promise<void> {
  const folder = dirname(path);
  await rm(path, { force: true });
  const leftovers = (await readdir(folder)).filter((name) => name.startsWith(`.${basename(path)}.tmp-`));
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })));
  await syncDirectory(folder);
}

/** Makes the entries of a folder (renames, creations, removals) survive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, "r");
  try {
    await toDisk(directory);
  } finally {
    closeSync(directory);
  }
}
