import { hash, randomBytes } from "node:crypto";
import { numbers } from "../column.ts";
import { refuse } from "./refusal.ts";

/** The files that some ranges are of. */
export type Files = {
  readonly count: number;
  readonly has: (path: string) => boolean;
  /** Length of the file that the n-th range is of. */
  readonly lengthAt: (range: number) => number;
};

/**
 * Ranges of files, 32 bytes each however long their paths are: an archive may have millions. Files are told apart by a salted 96-bit hash of
 * their path, so nobody can make two of them fall together.
 */
export class FileRanges {
  readonly #salt = randomBytes(16).toString("hex");
  /** The two halves of the hash, first byte, and the one behind the last. */
  readonly #fields = [numbers(), numbers(), numbers(), numbers()] as const;

  add(path: string, pos: number, size: number): void {
    const [first, second] = this.#hash(path);
    for (const [field, value] of [first, second, pos, pos + size].entries()) this.#fields[field]!.push(value);
  }

  /**
   * Files have to be covered from 0 to their end, by ranges that do not overlap. (D4-05)
   *
   * @param nameOf path of the n-th range that was added, for the message
   * @throws InvalidManifest
   */
  check(nameOf: (range: number) => string): Files {
    const [firsts, seconds, begins, ends] = this.#fields;
    const order = new Uint32Array(firsts.length);
    for (let range = 0; range < order.length; range += 1) order[range] = range;
    order.sort((a, b) => {
      for (const field of this.#fields) {
        const difference = field.at(a) - field.at(b);
        if (difference !== 0) return difference;
      }
      return 0;
    });
    let files = 0;
    for (let i = 0; i < order.length; i += 1) {
      const range = order[i]!;
      const previous = i === 0 ? undefined : order[i - 1]!;
      const same =
        previous !== undefined &&
        firsts.at(previous) === firsts.at(range) &&
        seconds.at(previous) === seconds.at(range);
      const expected = same ? ends.at(previous) : 0;
      const begin = begins.at(range);
      const name = (): string => JSON.stringify(nameOf(range).slice(0, 200));
      if (begin > expected) refuse(`file ${name()} has a gap at byte ${expected}`);
      if (begin < expected) refuse(`file ${name()} is written twice at byte ${begin}`);
      if (same && (begin === ends.at(range) || begins.at(previous) === ends.at(previous))) {
        refuse(`file ${name()} is written twice at byte ${begin}`);
      }
      if (!same) files += 1;
    }
    this.#endAsFiles(order);
    return { count: files, has: (path) => this.#has(path, order), lengthAt: (range) => ends.at(range) };
  }

  /** Every range ends where its file does from now on: nobody asks any more where it ended itself. @param order of the ranges, sorted */
  #endAsFiles(order: Uint32Array): void {
    const [firsts, seconds, , ends] = this.#fields;
    for (let i = order.length - 2; i >= 0; i -= 1) {
      const [range, next] = [order[i]!, order[i + 1]!];
      const same = firsts.at(next) === firsts.at(range) && seconds.at(next) === seconds.at(range);
      if (same) ends.set(range, ends.at(next));
    }
  }

  /** @param order of the ranges, sorted */
  #has(path: string, order: Uint32Array): boolean {
    const [firsts, seconds] = this.#fields;
    const [first, second] = this.#hash(path);
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = order[middle]!;
      if ((firsts.at(range) - first || seconds.at(range) - second) <= 0) low = middle + 1;
      else high = middle;
    }
    const last = order[low - 1];
    return last !== undefined && firsts.at(last) === first && seconds.at(last) === second;
  }

  #hash(path: string): readonly [number, number] {
    // In one go: an object for every path would take ten times as long, and be most of what a download of small files leaves behind.
    const digest = hash("sha1", this.#salt + path, "buffer");
    return [digest.readUIntBE(0, 6), digest.readUIntBE(6, 6)];
  }
}
