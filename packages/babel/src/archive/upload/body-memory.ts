/** Memory for compressed chunks until they are stored, used again and again; chunks that get none, or need more, are spooled. (D5-06) */
export class BodyMemory {
  readonly #size: number;
  readonly #free: SharedArrayBuffer[] = [];
  #left: number;

  /** @param size bytes for one chunk */
  constructor(chunks: number, size: number) {
    this.#left = chunks;
    this.#size = size;
  }

  borrow(): SharedArrayBuffer | undefined {
    const used = this.#free.pop();
    if (used !== undefined || this.#left === 0) return used;
    this.#left -= 1;
    return new SharedArrayBuffer(this.#size);
  }

  /** Drops what nobody has borrowed. */
  dismiss(): void {
    this.#left += this.#free.splice(0).length;
  }

  giveBack(memory: SharedArrayBuffer | undefined): void {
    if (memory !== undefined) this.#free.push(memory);
  }
}
