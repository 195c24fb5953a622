import { monotonicMs } from "./retry.ts";

const INTERVAL_MS = 5000;
const HOLD_MS = 60_000;
const FIRST = 4;
const MOST = 16;
const LEAST = 1;
/** Without a cap: what the reference uses by default. */
const LEAST_UNCAPPED = 3;
const WORTHWHILE = 1.05;
/** So long may everything fail before only one connection goes on trying. */
const PROBE_AFTER_MS = 10_000;

/**
 * How many connections to use. With a cap that is the cap; without one as many as pay: one more while throughput grows with it. A store that asks to
 * slow down, or through which nothing comes, halves them for a minute; then they are found out anew. (§9.5) While nothing gets through at all, one tries
 * for all of them, so that a store that comes back is not met by everybody's retries. (§9.6)
 */
export class Streams {
  #cap: number | undefined;
  #current = FIRST;
  /** Before the last increase. */
  #before: { readonly streams: number; readonly rate: number } | undefined;
  #settled = false;
  #since: number;
  #bytes = 0;
  #heldUntil = 0;
  /** Since when nothing but failures came. */
  #failingSince: number | undefined;
  /** Bytes that were transferred when that was last looked at. */
  #seen = 0;
  readonly #now: () => number;

  constructor(cap: number | undefined, now: () => number = monotonicMs) {
    this.#now = now;
    this.#since = now();
    this.limit(cap);
  }

  get count(): number {
    if (this.#failingSince !== undefined && this.#now() - this.#failingSince >= PROBE_AFTER_MS) return LEAST;
    return Math.min(this.#current, this.#cap ?? MOST);
  }

  /** @param cap undefined: none was set */
  limit(cap: number | undefined): void {
    if (cap === this.#cap) return;
    this.#cap = cap;
    if (cap !== undefined && this.#now() >= this.#heldUntil) this.#current = Math.max(LEAST, cap);
  }

  /** A transfer failed, and will be tried again. */
  failed(): void {
    this.#failingSince ??= this.#now();
  }

  /** A transfer failed, or is slow, in a way that fewer connections may help against. @returns whether there are fewer from now on */
  overloaded(): boolean {
    const now = this.#now();
    if (now < this.#heldUntil) return false;
    const least = this.#cap === undefined ? LEAST_UNCAPPED : LEAST;
    this.#current = Math.max(least, Math.floor(this.count / 2));
    this.#heldUntil = now + HOLD_MS;
    this.#before = undefined;
    this.#settled = false;
    return true;
  }

  /** @param bytes that were transferred in all */
  observe(bytes: number): void {
    const now = this.#now();
    if (bytes > this.#seen) this.#failingSince = undefined;
    this.#seen = bytes;
    if (now - this.#since < INTERVAL_MS) return;
    const rate = ((bytes - this.#bytes) * 1000) / (now - this.#since);
    this.#since = now;
    this.#bytes = bytes;
    if (now < this.#heldUntil) return;
    if (this.#cap !== undefined) {
      this.#current = Math.min(this.#cap, this.#current * 2);
      return;
    }
    if (this.#settled && rate > 0) return;
    if (this.#before !== undefined && rate < this.#before.rate * WORTHWHILE) {
      this.#current = this.#before.streams;
      this.#before = undefined;
      this.#settled = true;
      return;
    }
    this.#before = { streams: this.#current, rate };
    this.#current = Math.min(MOST, this.#current + 1);
  }
}
