import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../errno.ts";
import { hasGrown, identityOf, stampOf } from "./stamp.ts";

/** A part of a file of the source, and what the file has to be for it to count. */
export type SourceRange = {
  readonly path: string;
  readonly stamp: string;
  readonly position: number;
  readonly size: number;
  /** What it has behind the end that it had then does not count. (§9.6) */
  readonly mayGrow?: true;
};

/** A file is not what it was when it was planned for: it changed, vanished, or something else took its place. (D5-04) */
export class SourceChanged extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`'${path}' changed while it was read`);
    this.name = "SourceChanged";
    this.path = path;
  }
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const GONE: readonly (string | undefined)[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ESTALE"];

/**
 * Reads ranges one after another, as one stream of bytes. Each file is compared with its stamp, inode and change time among it, before the
 * first and after the last byte of each range, so what was read is of one state, and of the very file that was listed.
 */
export class SourceReader {
  readonly #root: string;
  readonly #ranges: readonly SourceRange[];
  #range = 0;
  #done = 0;
  #descriptor: number | undefined;

  constructor(root: string, ranges: readonly SourceRange[]) {
    this.#root = root;
    this.#ranges = ranges;
  }

  /** Fills the buffer as far as there is something left. @throws SourceChanged */
  fill(buffer: Buffer): number {
    let filled = 0;
    while (filled < buffer.length) {
      const range = this.#ranges[this.#range];
      if (range === undefined) break;
      this.#descriptor ??= this.#open(range);
      const wanted = Math.min(buffer.length - filled, range.size - this.#done);
      const read = wanted === 0 ? 0 : readSync(this.#descriptor, buffer, filled, wanted, range.position + this.#done);
      if (wanted > 0 && read === 0) throw new SourceChanged(range.path);
      filled += read;
      this.#done += read;
      if (this.#done === range.size) this.#next(range);
    }
    return filled;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(range: SourceRange): number {
    try {
      const descriptor = openSync(join(this.#root, range.path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      this.#descriptor = descriptor;
      this.#check(range, descriptor);
      return descriptor;
    } catch (error) {
      if (GONE.includes(errnoOf(error))) throw new SourceChanged(range.path);
      throw error;
    }
  }

  #next(range: SourceRange): void {
    this.#check(range, this.#descriptor!);
    this.close();
    this.#range++;
    this.#done = 0;
  }

  #check(range: SourceRange, descriptor: number): void {
    const now = fstatSync(descriptor, { bigint: true });
    if (stampOf(now) === range.stamp || (range.mayGrow && hasGrown(identityOf(range.stamp), now))) return;
    throw new SourceChanged(range.path);
  }
}
