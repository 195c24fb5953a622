import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, opendir, rename, unlink } from "node:fs/promises";
import { OperationError } from "@blockvisor/image/container";
import { openEntry, rootedError, withRootedParent } from "./rooted-path.ts";

/** An entry of a folder inside a node, as the folder names it (links are not looked through). */
export interface RootedEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "other";
}

/**
 * Reads a regular file below `root`, whatever a container puts there. `path` is as seen in the container.
 * Errors: `rooted-not-found`, `rooted-link`, `rooted-not-a-directory`, `rooted-not-a-file`, `rooted-too-large`, `rooted-path-invalid`.
 */
export async function readRootedFile(
  root: string,
  path: string,
  limits: { readonly maxBytes: number },
): Promise<Buffer> {
  const file = await openRootedFile(root, path);
  try {
    const { size } = await file.stat();
    if (size > limits.maxBytes) throw tooLarge(path, limits.maxBytes);
    // The file may grow while it is read; one byte more than allowed tells.
    const buffer = Buffer.alloc(Math.min(size, limits.maxBytes) + 1);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > limits.maxBytes) throw tooLarge(path, limits.maxBytes);
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

/** Opens a regular file for reading (to follow a log); the caller closes it. Errors as `readRootedFile`. */
export async function openRootedFile(root: string, path: string): Promise<FileHandle> {
  return withRootedParent(root, path, async (entry) => {
    const found = await openEntry(entry, path);
    try {
      const stats = await found.stat();
      if (stats.isSymbolicLink()) throw rootedError(Object.assign(new Error(), { code: "ELOOP" }), path);
      if (!stats.isFile()) throw new OperationError("rooted-not-a-file", `${path} is no regular file in the node`);
      // The same inode, now with the right to read: nothing can have been put in its place.
      return await open(`/proc/self/fd/${found.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    } finally {
      await found.close();
    }
  });
}

/**
 * Entries of a folder below `root`, sorted by name. Errors: `rooted-too-many` when there are more than `maxEntries`,
 * and those of `readRootedFile`.
 */
export async function listRootedDirectory(
  root: string,
  path: string,
  limits: { readonly maxEntries: number },
): Promise<readonly RootedEntry[]> {
  return withRootedFolder(root, path, async (folder) => {
    const entries: RootedEntry[] = [];
    const directory = await opendir(folder);
    for await (const entry of directory) {
      if (entries.length >= limits.maxEntries) {
        throw new OperationError("rooted-too-many", `${path} has more than ${limits.maxEntries} entries in the node`);
      }
      const kind = entry.isFile()
        ? "file"
        : entry.isDirectory()
          ? "directory"
          : entry.isSymbolicLink()
            ? "link"
            : "other";
      entries.push({ name: entry.name, kind });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/**
 * Writes a file below `root` by a temporary file and a rename, so that a link in its place is replaced, never followed.
 * Missing folders are made (0755). Errors as `readRootedFile`.
 */
export async function writeRootedFile(
  root: string,
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const makeFolder = async (folder: string) => {
    await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  };
  await withRootedParent(
    root,
    path,
    async (entry) => {
      const temporary = `${entry.slice(0, entry.lastIndexOf("/"))}/.bv-${randomBytes(8).toString("hex")}`;
      const file = await open(temporary, "wx", options.mode ?? 0o644);
      try {
        await file.writeFile(data);
        await file.sync();
        await rename(temporary, entry);
      } catch (error) {
        await unlink(temporary).catch(() => {});
        throw (error as NodeJS.ErrnoException).code === "EISDIR"
          ? new OperationError("rooted-not-a-file", `${path} is a directory in the node`, { cause: error })
          : error;
      } finally {
        await file.close();
      }
    },
    makeFolder,
  );
}

/** Removes a file or link (not what it points to) below `root`; missing is success. */
export async function removeRootedFile(root: string, path: string): Promise<void> {
  try {
    await withRootedParent(root, path, (entry) => unlink(entry));
  } catch (error) {
    if (error instanceof OperationError && error.code === "rooted-not-found") return;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
}

function withRootedFolder<T>(root: string, path: string, work: (folder: string) => Promise<T>): Promise<T> {
  return withRootedParent(root, `${path}/entry`, (entry) => work(entry.slice(0, entry.lastIndexOf("/"))));
}

function tooLarge(path: string, limit: number): OperationError {
  return new OperationError("rooted-too-large", `${path} has more than ${limit} bytes in the node`);
}
