import { bigNumbers, numbers, smallNumbers } from "../column.ts";
import { Paths } from "./paths.ts";
import { hasGrown, type Identity, identityOf, stampOf } from "./stamp.ts";

/** Files of which only the beginning counts that they had when they were looked at first (§9.6). */
export type MayGrow = (path: string) => boolean;

export const never: MayGrow = () => false;

/** A regular file of the source, as it was when it was looked at. */
export type SourceFile = {
  /** Relative to the source, separated by `/`. */
  readonly path: string;
  readonly size: number;
  /** Another stamp is another content, see `stampOf`. (D5-04) */
  readonly stamp: string;
  /** Permission bits. */
  readonly mode: number;
};

/** The files of a source in order of their paths, some 50 bytes each: there may be millions of them. */
export class SourceFiles {
  readonly #paths = new Paths();
  readonly #sizes = numbers();
  readonly #inodes = bigNumbers();
  readonly #modified = bigNumbers();
  readonly #changed = bigNumbers();
  readonly #modes = smallNumbers();
  #bytes = 0;

  static of(files: Iterable<SourceFile>): SourceFiles {
    const all = new SourceFiles();
    for (const { path, stamp, mode } of files) all.add(path, identityOf(stamp), mode);
    return all;
  }

  /** The first so many files of a list, in a list of their own. */
  static first(files: SourceFiles, count: number): SourceFiles {
    const some = new SourceFiles();
    for (let file = 0; file < count; file += 1) some.add(files.path(file), files.identity(file), files.mode(file));
    return some;
  }

  get length(): number {
    return this.#sizes.length;
  }

  /** Of all files together. */
  get bytes(): number {
    return this.#bytes;
  }

  add(path: string, { size, ino, mtimeNs, ctimeNs }: Identity, mode: number): void {
    this.#paths.add(path);
    this.#sizes.push(Number(size));
    this.#inodes.push(ino);
    this.#modified.push(mtimeNs);
    this.#changed.push(ctimeNs);
    this.#modes.push(mode);
    this.#bytes += Number(size);
  }

  path(file: number): string {
    return this.#paths.at(file);
  }

  size(file: number): number {
    return this.#sizes.at(file);
  }

  stamp(file: number): string {
    return stampOf(this.identity(file));
  }

  mode(file: number): number {
    return this.#modes.at(file);
  }

  /** Unix nanoseconds. */
  modified(file: number): bigint {
    return this.#modified.at(file);
  }

  /** Whether the file is the same, and has not changed, or only grown where that does not count. */
  isSame(file: number, path: string, other: Identity, mayGrow: MayGrow = never): boolean {
    if (file >= this.length || this.path(file) !== path) return false;
    const own = this.identity(file);
    const same = (["size", "ino", "mtimeNs", "ctimeNs"] as const).every(
      (part) => own[part] === BigInt.asIntN(64, other[part]),
    );
    return same || (hasGrown(own, other) && mayGrow(path));
  }

  /** Of the files from one on, the first that does not come before a path. */
  placeOf(path: string, from: number): number {
    let file = from;
    const wanted = Buffer.from(path);
    while (file < this.length && Buffer.compare(Buffer.from(this.path(file)), wanted) < 0) file += 1;
    return file;
  }

  *[Symbol.iterator](): Generator<SourceFile, void> {
    for (let file = 0; file < this.length; file += 1) {
      yield { path: this.path(file), size: this.size(file), stamp: this.stamp(file), mode: this.mode(file) };
    }
  }

  identity(file: number): Identity {
    return {
      size: BigInt(this.#sizes.at(file)),
      ino: this.#inodes.at(file),
      mtimeNs: this.#modified.at(file),
      ctimeNs: this.#changed.at(file),
    };
  }
}

/** What is in the first list, in the second, or in both; lists are in order of their paths. Numbers are positions, undefined: it is not there. */
export function* joined(
  before: SourceFiles,
  now: SourceFiles,
): Generator<{ readonly before: number | undefined; readonly now: number | undefined }, void> {
  let old = 0;
  let fresh = 0;
  while (old < before.length || fresh < now.length) {
    const order = comparePaths(before, old, now, fresh);
    yield { before: order <= 0 ? old : undefined, now: order >= 0 ? fresh : undefined };
    if (order <= 0) old += 1;
    if (order >= 0) fresh += 1;
  }
}

/** What is behind the end of a list comes last. */
function comparePaths(a: SourceFiles, i: number, b: SourceFiles, j: number): number {
  if (i >= a.length) return 1;
  if (j >= b.length) return -1;
  const [first, second] = [a.path(i), b.path(j)];
  return first === second ? 0 : Buffer.compare(Buffer.from(first), Buffer.from(second));
}

export function sameFiles(a: SourceFiles, b: SourceFiles): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let file = 0; file < a.length; file += 1) {
    if (a.path(file) !== b.path(file) || a.stamp(file) !== b.stamp(file)) return false;
  }
  return true;
}
