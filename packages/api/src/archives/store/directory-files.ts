import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, opendir, rename, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { keySegments } from "./object-key.ts";

/** Objects as files: `<root>/objects/<key>`, written in `<root>/incoming` and renamed into place. */
export interface DirectoryFiles {
  readonly objects: string;
  /** An open file to write an object to; nobody sees it before it is committed. */
  begin(): Promise<Draft>;
  /** @returns a handle on the object, or undefined. No link is followed. */
  open(key: string): Promise<FileHandle | undefined>;
  remove(key: string): Promise<void>;
  /** Removes what writers that died have left behind. @returns how many files */
  sweep(olderThanMs: number): Promise<number>;
}

export interface Draft {
  readonly handle: FileHandle;
  /**
   * Makes the object durable under its key. @param exclusive leaves an object that is there already as it is
   * @returns false when it was left as it is
   */
  commit(key: string, exclusive: boolean): Promise<boolean>;
  /** Drops what was written. Safe after a commit. */
  discard(): Promise<void>;
}

export async function openDirectoryFiles(root: string): Promise<DirectoryFiles> {
  const objects = path.join(root, "objects");
  const incoming = path.join(root, "incoming");
  for (const directory of [root, objects, incoming]) await mkdir(directory, { recursive: true, mode: 0o700 });
  return {
    objects,
    async begin() {
      const file = path.join(incoming, randomUUID());
      const handle = await open(file, "wx", 0o600);
      return {
        handle,
        async commit(key, exclusive) {
          await handle.sync();
          const { folder, target } = await makeFolders(objects, key);
          if (exclusive) {
            // A link fails when the name exists, which a rename does not.
            const created = await link(file, target).then(
              () => true,
              (error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? false : Promise.reject(error)),
            );
            if (!created) return false;
            await rm(file);
          } else await rename(file, target);
          await syncFolder(folder);
          return true;
        },
        async discard() {
          await handle.close().catch(() => {});
          await rm(file, { force: true });
        },
      };
    },
    async open(key) {
      const target = await withoutLinks(objects, key);
      if (target === undefined) return undefined;
      const handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
      if (handle === undefined) return undefined;
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
      return undefined;
    },
    async remove(key) {
      const target = await withoutLinks(objects, key);
      if (target === undefined) return;
      await rm(target, { force: true });
      // Empty folders go with their last object; one that is filled at this moment stays.
      for (let folder = path.dirname(target); folder !== objects; folder = path.dirname(folder)) {
        if (!(await rmdir(folder).then(yes, no))) break;
      }
    },
    async sweep(olderThanMs) {
      let swept = 0;
      for await (const { name } of await opendir(incoming)) {
        const file = path.join(incoming, name);
        const facts = await stat(file).catch(absent);
        if (facts === undefined || Date.now() - facts.mtimeMs < olderThanMs) continue;
        await rm(file, { force: true });
        swept += 1;
      }
      return swept;
    },
  };
}

const yes = () => true;
const no = () => false;

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ELOOP" || error.code === "EISDIR") return;
  throw error;
}

/** The object's path when every folder on the way is a real one. */
async function withoutLinks(objects: string, key: string): Promise<string | undefined> {
  let at = objects;
  const segments = keySegments(key);
  for (const name of segments.slice(0, -1)) {
    at = path.join(at, name);
    if (!(await lstat(at).catch(absent))?.isDirectory()) return undefined;
  }
  return path.join(at, segments.at(-1) ?? "");
}

async function makeFolders(
  objects: string,
  key: string,
): Promise<{ readonly folder: string; readonly target: string }> {
  let folder = objects;
  const segments = keySegments(key);
  for (const name of segments.slice(0, -1)) {
    const parent = folder;
    folder = path.join(parent, name);
    const made = await mkdir(folder, { mode: 0o700 }).then(yes, (error: NodeJS.ErrnoException) =>
      error.code === "EEXIST" ? false : Promise.reject(error),
    );
    if (made) await syncFolder(parent);
    else if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is not a folder`);
  }
  return { folder, target: path.join(folder, segments.at(-1) ?? "") };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
