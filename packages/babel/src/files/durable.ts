import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, mkdir, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, isMissing } from "../errno.ts";
import { type Failure, refused } from "../failure.ts";

type Ownership = { readonly uid: number; readonly gid: number };

type StageOptions = {
  readonly mode?: number;
  readonly owner?: Ownership;
};

/**
 * Replaces a file so that it is either the old or the new one at every instant, also after a power loss: temporary file in
 * the same folder, fsync, rename, fsync of the folder. (D1-05)
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: StageOptions = {},
): Promise<void> {
  const staged = await stageFile(path, options);
  try {
    await staged.handle.writeFile(content);
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

export type StagedFile = {
  readonly handle: FileHandle;
  /** Makes what was written the file; the handle is closed afterwards. */
  commit(): Promise<void>;
  discard(): Promise<void>;
};

/** A temporary file beside `path`, that becomes `path` on commit. */
export async function stageFile(path: string, options: StageOptions = {}): Promise<StagedFile> {
  const folder = dirname(path);
  const temporary = temporaryBeside(path);
  const handle = await open(temporary, "wx", 0o600);
  const discard = async (): Promise<void> => {
    await handle.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
  };
  return {
    handle,
    discard,
    commit: async () => {
      if (options.owner) await handle.chown(options.owner.uid, options.owner.gid);
      await handle.chmod(options.mode ?? 0o644);
      await handle.sync();
      await handle.close();
      await rename(temporary, path);
      await syncFolder(folder);
    },
  };
}

/**
 * Replaces a small file whose content is worthless after a reboot: nobody waits for the disk, and readers take a torn file for none. Its folder is made.
 * Synchronous, as it is over before another thread has taken it on.
 */
export function replaceForThisBoot(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryBeside(path);
  const file = openSync(temporary, "wx", 0o600);
  try {
    try {
      writeFileSync(file, content);
      fchmodSync(file, mode);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function temporaryBeside(path: string): string {
  // No two at the same nanosecond; random bytes would load all of node:crypto at babel's start.
  const once = `${process.pid}-${process.hrtime.bigint().toString(36)}`;
  return join(dirname(path), `.${basename(path).slice(0, 200)}.${once}.tmp`);
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const LEAST_READ = 4096;

/**
 * First `limit` bytes of a file, or undefined if there is none. Never reads more, whatever the file claims to be, and never waits: what an
 * image or a protocol's own processes put in a file's place, like a FIFO or a link, is `file-not-regular`. (§9.7)
 *
 * @param links `follow`: for files of the image, which may be links
 */
export async function readBounded(path: string, limit: number, links?: "follow"): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    const flags = links === "follow" ? 0 : constants.O_NOFOLLOW;
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw errnoOf(error) === "ELOOP" ? notRegular(path) : error;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notRegular(path);
    // One byte more, so that its end is seen without another buffer; files of the kernel say that they are empty.
    let buffer = Buffer.alloc(Math.min(limit, Math.max(stats.size + 1, LEAST_READ)));
    let filled = 0;
    for (;;) {
      if (filled === buffer.length) {
        if (filled === limit) break;
        buffer = Buffer.concat([buffer], Math.min(limit, 2 * buffer.length));
      }
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

/** The same on the spot, for small files: that is over before another thread has taken it on. Never through a link. */
export function readBoundedSync(path: string, limit: number): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw errnoOf(error) === "ELOOP" ? notRegular(path) : error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw notRegular(path);
    const buffer = Buffer.alloc(Math.min(limit, stats.size));
    let filled = 0;
    while (filled < buffer.length) {
      const count = readSync(file, buffer, filled, buffer.length - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  } finally {
    closeSync(file);
  }
}

function notRegular(path: string): Failure {
  return refused("file-not-regular", `${path} is not a regular file`);
}

/** Creates a folder and makes its entry durable. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode })) !== undefined) await syncFolder(dirname(path));
}
