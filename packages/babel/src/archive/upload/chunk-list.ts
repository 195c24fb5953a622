import { numbers, smallNumbers } from "../column.ts";

/** A part of a source file; files are named by their position in the list they were planned from. Bytes. */
export type FileRange = { readonly file: number; readonly position: number; readonly size: number };

/** Things that have a size, by their position. Bytes. */
export type Sized = { readonly length: number; size(at: number): number };

/** Ranges of files, 20 bytes each: there may be millions. */
export class Ranges implements Sized {
  readonly #files = smallNumbers();
  readonly #positions = numbers();
  readonly #sizes = numbers();

  get length(): number {
    return this.#files.length;
  }

  add({ file, position, size }: FileRange): void {
    this.#files.push(file);
    this.#positions.push(position);
    this.#sizes.push(size);
  }

  at(index: number): FileRange {
    return { file: this.#files.at(index), position: this.#positions.at(index), size: this.#sizes.at(index) };
  }

  size(index: number): number {
    return this.#sizes.at(index);
  }
}

/** A chunk of more files would not fit into a message: a path may have 4096 bytes. */
export const MOST_RANGES = 5000;

/** Which ranges, one after another, are a chunk, for all chunks of an archive. */
export class ChunkList {
  readonly #ranges = new Ranges();
  /** Where the ranges of each chunk end. */
  readonly #ends: number[] = [];

  get length(): number {
    return this.#ends.length;
  }

  /** How many ranges the chunk that is being filled has. */
  get filled(): number {
    return this.#ranges.length - (this.#ends.at(-1) ?? 0);
  }

  /** Adds to the chunk that is being filled. */
  add(range: FileRange): void {
    this.#ranges.add(range);
  }

  /** Closes the chunk that is being filled. One without ranges counts, too. */
  endChunk(): void {
    this.#ends.push(this.#ranges.length);
  }

  /** How many ranges a chunk has. */
  count(chunk: number): number {
    return this.#ends[chunk]! - this.#from(chunk);
  }

  *ranges(chunk: number): Generator<FileRange, void> {
    for (let range = this.#from(chunk); range < this.#ends[chunk]!; range += 1) yield this.#ranges.at(range);
  }

  /** Bytes. */
  sizeOf(chunk: number): number {
    let sum = 0;
    for (let range = this.#from(chunk); range < this.#ends[chunk]!; range += 1) sum += this.#ranges.size(range);
    return sum;
  }

  #from(chunk: number): number {
    return chunk === 0 ? 0 : this.#ends[chunk - 1]!;
  }
}
