import { pause } from "./retry.ts";

const SLICE_MS = 200;
/** What may go through at once after a quiet time. */
const BURST_US = 100_000n;

/**
 * A bandwidth cap that any number of threads share: a clock of when the bytes let through so far would have been transferred at the capped
 * rate. Whoever transferred bytes advances it, and waits until it is no longer ahead of the time.
 */
export class Throttle {
  /** Give it to the constructor in another thread. */
  readonly shared: SharedArrayBuffer;
  /** Bytes per second, 0 without a cap; the clock in µs; how often the cap changed. */
  readonly #cells: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(24)) {
    this.shared = shared;
    this.#cells = new BigInt64Array(shared);
  }

  /** @param bytesPerSecond undefined: no cap */
  limit(bytesPerSecond: number | undefined): void {
    const rate = BigInt(Math.floor(bytesPerSecond ?? 0));
    if (Atomics.exchange(this.#cells, 0, rate) === rate) return;
    Atomics.store(this.#cells, 1, nowUs());
    Atomics.add(this.#cells, 2, 1n);
  }

  /** Resolves when so many more bytes may have been transferred. @throws TransferFault `cancelled` */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = Atomics.load(this.#cells, 0);
    if (rate <= 0n) return;
    const epoch = Atomics.load(this.#cells, 2);
    const due = this.#advance((BigInt(bytes) * 1_000_000n) / rate);
    for (;;) {
      const waitMs = Number(due - nowUs()) / 1000;
      if (waitMs <= 0 || Atomics.load(this.#cells, 2) !== epoch) return;
      await pause(Math.min(waitMs, SLICE_MS), signal);
    }
  }

  #advance(us: bigint): bigint {
    for (;;) {
      const clock = Atomics.load(this.#cells, 1);
      const earliest = nowUs() - BURST_US;
      const due = (clock > earliest ? clock : earliest) + us;
      if (Atomics.compareExchange(this.#cells, 1, clock, due) === clock) return due;
    }
  }
}

/** The same in all threads of the process. */
const nowUs = (): bigint => process.hrtime.bigint() / 1000n;
