import { createCipheriv } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

export const MIB = 1024 * 1024;
const ROW = 64;
const VALUE_WORDS = 5;

/** Database-like pages: keys that repeat, values that do not; zstd-3 leaves a third of them. */
export class DatabasePages {
  /** Random, fast, and the same in every run. */
  readonly #keystream = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  readonly #zeros = Buffer.alloc((MIB / ROW) * VALUE_WORDS * 4);
  readonly #keys = Buffer.alloc(MIB);

  constructor() {
    for (let at = 0; at < MIB; at += ROW) {
      this.#keys.write(`account:${at.toString(16).padStart(8, "0")} balance: 0000`, at + VALUE_WORDS * 4, "latin1");
    }
  }

  /** The next MiB. */
  next(): Buffer {
    const block = Buffer.from(Uint8Array.from(this.#keys).buffer);
    const words = new Int32Array(block.buffer);
    const values = new Int32Array(Uint8Array.from(this.#keystream.update(this.#zeros)).buffer);
    for (let row = 0, value = 0; row < words.length; row += ROW / 4) {
      for (let word = row; word < row + VALUE_WORDS; word += 1) words[word] = values[value++]!;
    }
    return block;
  }

  writeFile(path: string, mebibytes: number): void {
    const file = openSync(path, "w");
    for (let at = 0; at < mebibytes; at += 1) writeSync(file, this.next());
    closeSync(file);
  }
}
