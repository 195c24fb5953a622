import { monotonicMs } from "../transfer/retry.ts";

export type PressureTimes = {
  /** Writes that take longer than this on average… */
  readonly slowMs: number;
  /** …for so long are too much for the disk. */
  readonly forMs: number;
};

const PRESSURE_TIMES: PressureTimes = { slowMs: 200, forMs: 30_000 };

/** Whether the disk keeps up with what is written to it. (§9.5) */
export class DiskPressure {
  readonly #times: PressureTimes;
  readonly #now: () => number;
  #since: number;
  #count = 0;
  #milliseconds = 0;

  constructor(times: PressureTimes = PRESSURE_TIMES, now: () => number = monotonicMs) {
    this.#times = times;
    this.#now = now;
    this.#since = now();
  }

  /** @param writes so far @returns true once at the end of each stretch of time in which they were too slow */
  tooMuch(writes: { readonly count: number; readonly milliseconds: number }): boolean {
    if (this.#now() - this.#since < this.#times.forMs) return false;
    const [count, milliseconds] = [writes.count - this.#count, writes.milliseconds - this.#milliseconds];
    this.#since = this.#now();
    this.#count = writes.count;
    this.#milliseconds = writes.milliseconds;
    return count > 0 && milliseconds / count > this.#times.slowMs;
  }
}
