/** Keeps the first and the last half of a limit, whatever amount comes. (D2-02) */
export class BoundedOutput {
  readonly #half: number;
  #head: Buffer[] = [];
  #headSize = 0;
  #tail: Buffer[] = [];
  #tailSize = 0;
  #dropped = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#half = Math.max(1, Math.floor(limit / 2));
  }

  add(chunk: Buffer): void {
    const room = this.#half - this.#headSize;
    if (room > 0) {
      this.#head.push(chunk.subarray(0, room));
      this.#headSize += Math.min(room, chunk.length);
    }
    if (chunk.length <= room) return;
    const rest = chunk.subarray(Math.max(0, room));
    this.#tail.push(rest);
    this.#tailSize += rest.length;
    while (this.#tailSize > this.#half) this.#shrink();
  }

  #shrink(): void {
    const excess = this.#tailSize - this.#half;
    const first = this.#tail[0]!;
    const cut = Math.min(excess, first.length);
    if (cut === first.length) this.#tail.shift();
    else this.#tail[0] = first.subarray(cut);
    this.#tailSize -= cut;
    this.#dropped += cut;
  }

  get truncated(): boolean {
    return this.#dropped > 0;
  }

  /** As text, invalid UTF-8 replaced; a gap says how much is missing. */
  text(): string {
    if (!this.truncated) return Buffer.concat([...this.#head, ...this.#tail]).toString("utf8");
    const head = Buffer.concat(this.#head).toString("utf8");
    return `${head}\n… ${this.#dropped} bytes dropped …\n${Buffer.concat(this.#tail).toString("utf8")}`;
  }
}
