import { lstatSync } from "node:fs";
import { lchown, mkdir, open, unlink } from "node:fs/promises";
import { isOperationError } from "@blockvisor/image/container";
import { openEntry, rootedError, withRootedParent } from "./rooted-path.ts";

/**
 * Makes sure that something can be mounted at `path` below `root`: a folder or an empty file is made where nothing is, as `owner`'s. What is
 * there stays, but a link, or a file in place of a folder, is refused. Errors `rooted-link`, `rooted-not-a-directory`.
 */
export async function ensureRootedMountPoint(
  root: string,
  path: string,
  kind: "directory" | "file",
  owner = 0,
): Promise<void> {
  await withRootedParent(
    root,
    path,
    async (entry) => {
      await make(entry, kind, owner);
      const found = await openEntry(entry, path);
      try {
        const stats = await found.stat();
        const fits = kind === "directory" ? stats.isDirectory() : stats.isFile();
        if (!fits && kind === "file" && stats.isSymbolicLink()) await replaceLink(entry, owner);
        else if (!fits) throw Object.assign(new Error(`${path} is no ${kind}`), { code: "ENOTDIR" });
      } finally {
        await found.close();
      }
    },
    (folder) => make(folder, "directory", owner),
  );
}

/** Makes nothing: a folder that is missing is fine, a link or a file in its place is refused with the same errors. */
export async function checkRootedMountPoint(root: string, path: string): Promise<void> {
  try {
    await withRootedParent(root, path, async (entry) => {
      const stats = lstatSync(entry, { throwIfNoEntry: false });
      if (stats?.isSymbolicLink()) throw rootedError(Object.assign(new Error("link"), { code: "ELOOP" }), path);
      if (stats?.isDirectory() === false)
        throw rootedError(Object.assign(new Error("file"), { code: "ENOTDIR" }), path);
    });
  } catch (error) {
    if (!isOperationError(error, "rooted-not-found")) throw error;
  }
}

/** Images like to link such files to places that exist only on a running system. */
async function replaceLink(entry: string, owner: number): Promise<void> {
  await unlink(entry);
  await make(entry, "file", owner);
}

async function make(entry: string, kind: "directory" | "file", owner: number): Promise<void> {
  try {
    if (kind === "directory") await mkdir(entry, { mode: 0o755 });
    else await (await open(entry, "wx", 0o644)).close();
    if (owner !== 0) await lchown(entry, owner, owner);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
