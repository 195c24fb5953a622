import { createHash, randomBytes } from "node:crypto";
import { refuse } from "./refusal.ts";

/** One file's length as it will be, by path. */
export type FileSizes = (path: string) => number | undefined;

const FIELDS = 4;

/**
 * Ranges of files, 32 bytes each however long their paths are: an archive may have millions. Files are told apart by a salted 96-bit hash of
 * their path, so nobody can make two of them fall together.
 */
export class FileRanges {
  readonly #salt = randomBytes(16);
  #values = new Float64Array(FIELDS * 1024);
  #count = 0;

  add(path: string, pos: number, size: number): void {
    if (this.#count * FIELDS === this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values.set([...this.#hash(path), pos, pos + size], this.#count * FIELDS);
    this.#count += 1;
  }

  /**
   * Files have to be covered from 0 to their end, by ranges that do not overlap. (D4-05)
   *
   * @param nameOf path of the n-th range that was added, for the message
   * @throws InvalidManifest
   */
  check(nameOf: (range: number) => string): { readonly files: number; readonly sizeOf: FileSizes } {
    const values = this.#values;
    const at = (range: number, field: number): number => values[range * FIELDS + field]!;
    const order = new Uint32Array(this.#count).map((_, index) => index);
    order.sort((a, b) => {
      for (let field = 0; field < FIELDS; field += 1) {
        const difference = at(a, field) - at(b, field);
        if (difference !== 0) return difference;
      }
      return 0;
    });
    /** First hash, second hash, length of each file, sorted. */
    const files = new Float64Array(this.#count * 3);
    let count = 0;
    for (let i = 0; i < order.length; i += 1) {
      const range = order[i]!;
      const previous = i === 0 ? undefined : order[i - 1]!;
      const same = previous !== undefined && at(previous, 0) === at(range, 0) && at(previous, 1) === at(range, 1);
      const expected = same ? at(previous, 3) : 0;
      const name = (): string => JSON.stringify(nameOf(range).slice(0, 200));
      if (at(range, 2) > expected) refuse(`file ${name()} has a gap at byte ${expected}`);
      if (at(range, 2) < expected) refuse(`file ${name()} is written twice at byte ${at(range, 2)}`);
      const empty = at(range, 2) === at(range, 3) || (previous !== undefined && at(previous, 2) === at(previous, 3));
      if (same && empty) refuse(`file ${name()} is written twice at byte ${at(range, 2)}`);
      if (!same) {
        files.set([at(range, 0), at(range, 1)], count * 3);
        count += 1;
      }
      files[count * 3 - 1] = at(range, 3);
    }
    return { files: count, sizeOf: this.#lookup(files, count) };
  }

  #lookup(files: Float64Array, count: number): FileSizes {
    return (path) => {
      const [first, second] = this.#hash(path);
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >> 1;
        const difference = files[middle * 3]! - first || files[middle * 3 + 1]! - second;
        if (difference === 0) return files[middle * 3 + 2];
        if (difference < 0) low = middle + 1;
        else high = middle;
      }
      return undefined;
    };
  }

  #hash(path: string): readonly [number, number] {
    const digest = createHash("sha1").update(this.#salt).update(path).digest();
    return [digest.readUIntBE(0, 6), digest.readUIntBE(6, 6)];
  }
}
