const SHIFT = 14;
const SEGMENT = 1 << SHIFT;

type Segment<T> = { [index: number]: T };

/** A list of numbers that takes 4 or 8 bytes for each, and is never copied while it grows: there may be millions. */
export class Column<T extends number | bigint> {
  readonly #segmentOf: (length: number) => Segment<T>;
  readonly #segments: Segment<T>[] = [];
  #length = 0;

  constructor(segmentOf: (length: number) => Segment<T>) {
    this.#segmentOf = segmentOf;
  }

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    const at = this.#length % SEGMENT;
    if (at === 0) this.#segments.push(this.#segmentOf(SEGMENT));
    this.#segments[this.#length >>> SHIFT]![at] = value;
    this.#length += 1;
  }

  set(index: number, value: T): void {
    this.#segments[index >>> SHIFT]![index % SEGMENT] = value;
  }

  at(index: number): T {
    return this.#segments[index >>> SHIFT]![index % SEGMENT]!;
  }
}

/** Whole numbers below 2 ** 32. */
export const smallNumbers = (): Column<number> => new Column((length) => new Uint32Array(length));
/** Sizes and offsets. */
export const numbers = (): Column<number> => new Column((length) => new Float64Array(length));
/** Times in ns and inodes, each as a signed number of 64 bits. */
export const bigNumbers = (): Column<bigint> => new Column((length) => new BigInt64Array(length));
