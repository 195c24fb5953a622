import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  type Stats,
  writeSync,
} from "node:fs";
import { errnoOf, isMissing } from "../../errno.ts";
import { TransferFault } from "../transfer/fault.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** Of files, and of folders, that are kept open: more than a thread works on at the same time. */
const OPEN = 16;

type Owner = { readonly uid: number; readonly gid: number };

/**
 * Files below a folder, reached component by component from its descriptor, so that no link is ever followed, whatever somebody plants there
 * meanwhile. (D4-04) Everything is synchronous: it is used in threads of its own. Few descriptors are kept, however many files there are: the least
 * recently used are closed, without fsync, for whoever records what was written flushes the whole file system before (D4-02, D4-16).
 */
export class Tree {
  readonly #root: string;
  readonly #owner: Owner | undefined;
  readonly #files = new Map<string, number>();
  readonly #folders = new Map<string, number>();

  /** @param owner of what is created */
  constructor(root: string, owner?: Owner) {
    this.#root = root;
    this.#owner = owner;
  }

  /**
   * A file to write to, created if needed, of exactly this length.
   *
   * @throws TransferFault `permanent` for a link or anything else that is not a plain file of one name; errors of the file system
   */
  writable(path: string, length: number): number {
    const open = this.#files.get(path);
    if (open !== undefined) {
      this.#files.delete(path);
      this.#files.set(path, open);
      return open;
    }
    const { fd, stats } = this.#open(path, O_RDWR | O_CREAT);
    try {
      if (stats.size !== length) ftruncateSync(fd, length);
      if (this.#owner !== undefined && stats.uid !== this.#owner.uid) {
        fchownSync(fd, this.#owner.uid, this.#owner.gid);
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#files.set(path, fd);
    if (this.#files.size > OPEN) evict(this.#files);
    return fd;
  }

  /**
   * Creates a file with all that it will have, and keeps nothing open of it: a new file need not be looked at, nor be given its length, which is half of
   * what a small one costs otherwise.
   *
   * @returns false if something is there already @throws as `writable`
   */
  create(path: string, content: Uint8Array): boolean {
    let fd: number;
    try {
      fd = openSync(this.entry(path, true), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    }
    try {
      if (this.#owner !== undefined) fchownSync(fd, this.#owner.uid, this.#owner.gid);
      writeAll(fd, content, 0);
    } finally {
      closeSync(fd);
    }
    return true;
  }

  /** Uses a file that is there; undefined if it is not. @throws as `writable` */
  visit<T>(path: string, use: (fd: number, stats: Stats) => T): T | undefined {
    let opened: { readonly fd: number; readonly stats: Stats };
    try {
      opened = this.#open(path, O_RDONLY);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      return use(opened.fd, opened.stats);
    } finally {
      closeSync(opened.fd);
    }
  }

  /** What an entry is, without following it if it is a link; undefined if there is none. */
  stats(path: string): Stats | undefined {
    try {
      return lstatSync(this.entry(path, false));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  setTime(path: string, time: Date): void {
    lutimesSync(this.entry(path, false), time, time);
  }

  /**
   * Where the system finds an entry of a folder, without a link on the way; valid until the next call.
   *
   * @param create folders on the way @throws ENOENT without `create`; TransferFault `permanent` for links on the way
   */
  entry(path: string, create: boolean): string {
    const cut = path.lastIndexOf("/");
    const folder = this.#folder(cut === -1 ? "" : path.slice(0, cut), create);
    return `/proc/self/fd/${folder}/${path.slice(cut + 1)}`;
  }

  /** Creates a folder and those above it. */
  folder(path: string): number {
    return this.#folder(path, true);
  }

  close(): void {
    for (const fd of [...this.#files.values(), ...this.#folders.values()]) closeSync(fd);
    this.#files.clear();
    this.#folders.clear();
  }

  #open(path: string, flags: number): { readonly fd: number; readonly stats: Stats } {
    const create = (flags & O_CREAT) !== 0;
    let fd: number;
    try {
      // Without O_NONBLOCK a planted fifo would hold the thread for ever.
      fd = openSync(this.entry(path, create), flags | O_NOFOLLOW | O_NONBLOCK, 0o644);
    } catch (error) {
      if (["ELOOP", "EISDIR", "ENXIO"].includes(errnoOf(error) ?? "")) throw notPlain(path, error);
      throw error;
    }
    const stats = fstatSync(fd);
    if (stats.isFile() && stats.nlink === 1) return { fd, stats };
    closeSync(fd);
    throw notPlain(path);
  }

  #folder(path: string, create: boolean): number {
    const known = this.#folders.get(path);
    if (known !== undefined) {
      this.#folders.delete(path);
      this.#folders.set(path, known);
      return known;
    }
    const fd = path === "" ? openSync(this.#root, O_RDONLY | O_DIRECTORY) : this.#step(path, create);
    this.#folders.set(path, fd);
    if (this.#folders.size > OPEN) evict(this.#folders);
    return fd;
  }

  #step(path: string, create: boolean): number {
    const entry = this.entry(path, create);
    try {
      return openSync(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (["ELOOP", "ENOTDIR"].includes(errnoOf(error) ?? "")) throw notFolder(path, error);
      if (!isMissing(error) || !create) throw error;
    }
    try {
      mkdirSync(entry, 0o755);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error; // another thread was first
    }
    const fd = openSync(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (this.#owner !== undefined) fchownSync(fd, this.#owner.uid, this.#owner.gid);
    return fd;
  }
}

export function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}

function evict(open: Map<string, number>): void {
  for (const [path, fd] of open) {
    open.delete(path);
    closeSync(fd);
    return;
  }
}

const notPlain = (path: string, cause?: unknown): TransferFault =>
  new TransferFault("permanent", `refusing to use '${path}' in the data: it is not a plain file of one name`, {
    cause,
  });
const notFolder = (path: string, cause: unknown): TransferFault =>
  new TransferFault("permanent", `refusing to go through '${path}' in the data: it is a link, or not a folder`, {
    cause,
  });
