import { closeSync, constants, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { OperationError } from "@blockvisor/image/container";

/** Not in Node's constants; the same on x86-64 and arm64: opens the entry itself, without the right to read it. */
export const O_PATH = 0o10000000;

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const ROOT = O_RDONLY | O_DIRECTORY;
const FOLDER = ROOT | O_NOFOLLOW;

/**
 * Opens the folder that holds the last part of `path` below `root`, one part at a time, following no link (spec host-daemon
 * DB-5.3; Node has no openat2). The tree may belong to a container that changes it meanwhile: an opened folder stays the
 * folder it was, and children are addressed through `/proc/self/fd`. Folders are opened on the spot: the trees lie on the machine's own disks, and a
 * thread for each takes longer than all there is to do.
 *
 * `work` gets the path of the entry by that way. Errors: `rooted-not-found`, `rooted-link`, `rooted-not-a-directory`,
 * `rooted-path-invalid`.
 */
export async function withRootedParent<T>(
  root: string,
  path: string,
  work: (entry: string) => Promise<T>,
  onMissing?: (folder: string) => Promise<void>,
): Promise<T> {
  const parts = rootedParts(path);
  const last = parts.pop();
  if (last === undefined) throw invalidPath(path);
  let folder = openSync(root, ROOT);
  try {
    for (const part of parts) {
      const inner = await openFolder(`/proc/self/fd/${folder}/${part}`, path, onMissing);
      closeSync(folder);
      folder = inner;
    }
    return await work(`/proc/self/fd/${folder}/${last}`);
  } finally {
    closeSync(folder);
  }
}

/** Opens one entry with O_PATH: harmless even for a FIFO or device. */
export async function openEntry(entry: string, path: string): Promise<FileHandle> {
  return open(entry, O_PATH | O_NOFOLLOW).catch((error) => {
    throw rootedError(error, path);
  });
}

export function rootedParts(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || path.includes("\0") || parts.length > 64) throw invalidPath(path);
  return parts;
}

export function rootedError(error: NodeJS.ErrnoException, path: string): Error {
  switch (error.code) {
    case "ENOENT":
      return new OperationError("rooted-not-found", `${path} does not exist in the node`, { cause: error });
    case "ELOOP":
      return new OperationError("rooted-link", `${path} is a link in the node; links are not followed`, {
        cause: error,
      });
    case "ENOTDIR":
      return new OperationError("rooted-not-a-directory", `${path}: a part of the path is no directory in the node`, {
        cause: error,
      });
    default:
      return error;
  }
}

async function openFolder(
  entry: string,
  path: string,
  onMissing: ((folder: string) => Promise<void>) | undefined,
): Promise<number> {
  try {
    return openSync(entry, FOLDER);
  } catch (error) {
    if (!onMissing || (error as NodeJS.ErrnoException).code !== "ENOENT") throw rootedError(error as Error, path);
  }
  await onMissing(entry);
  try {
    return openSync(entry, FOLDER);
  } catch (error) {
    throw rootedError(error as Error, path);
  }
}

function invalidPath(path: string): OperationError {
  return new OperationError("rooted-path-invalid", `'${path.slice(0, 200)}' is no path in a node`);
}
