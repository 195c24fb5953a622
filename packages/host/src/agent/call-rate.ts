/** Calls that may come at once, how many a second after that, and how long one may be put off before it is refused. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
  readonly longestWaitMs: number;
}

/** How often calls come: those that are too early have to wait, so that they come at an even rate; those that would wait for long are refused. */
export class CallRate {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  /** When the next call would come, if all came at the even rate. */
  #due = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never goes back */
  constructor(limit: RateLimit, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** @returns milliseconds that the call has to wait; undefined: it is refused, and does not count */
  take(): number | undefined {
    const { burst, perSecond, longestWaitMs } = this.#limit;
    const now = this.#now();
    const interval = 1000 / perSecond;
    const due = Math.max(this.#due, now - (burst - 1) * interval);
    const wait = Math.max(0, due - now);
    if (wait > longestWaitMs) return undefined;
    this.#due = due + interval;
    return wait;
  }
}
