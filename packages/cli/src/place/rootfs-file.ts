import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../failure/failure.ts";

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a file below a node's rootfs without following any link in it: the container owns that tree and could point
 * anywhere. Every directory is opened relative to the one before it and made when it is missing.
 */
export function writeRootfsFile(rootfs: string, path: string, content: string): void {
  const names = path.split("/").filter((name) => name !== "");
  if (names.some((name) => name === "." || name === "..")) throw new Error(`${path} climbs`);
  const name = names.pop() ?? "";
  let directory = openSync(rootfs, directoryFlags);
  try {
    for (const child of names) {
      const next = openDirectory(directory, child);
      closeSync(directory);
      directory = next;
    }
    replaceInDirectory(directory, name, content);
  } finally {
    closeSync(directory);
  }
}

function openDirectory(parent: number, name: string): number {
  const path = inside(parent, name);
  try {
    return openSync(path, directoryFlags);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    mkdirSync(path, { mode: 0o755 });
    return openSync(path, directoryFlags);
  }
}

function replaceInDirectory(directory: number, name: string, content: string): void {
  const temporary = inside(directory, `.${name}.${process.pid}.tmp`);
  const file = openSync(temporary, newFileFlags, 0o644);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, inside(directory, name));
}

/** Node has no openat(2); the kernel resolves this path starting at the open directory. */
function inside(directory: number, name: string): string {
  return join(`/proc/self/fd/${directory}`, name);
}
