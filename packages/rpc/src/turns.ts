/** So many at a time, in the order in which they came; whoever goes away leaves the line, or his place. */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns what ends the turn; it ends by itself when `signal` is aborted. Rejects if that happens before it began. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    const end = (): void => {
      signal.removeEventListener("abort", end);
      if (!ended) this.#next();
      ended = true;
    };
    let ended = false;
    signal.addEventListener("abort", end);
    // It may have been aborted since the turn began.
    if (signal.aborted) end();
    return end;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason);
      };
      this.#waiting.add(begin);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #next(): void {
    const [begin] = this.#waiting;
    if (begin === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(begin);
    begin();
  }
}
