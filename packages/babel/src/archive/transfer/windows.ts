import { once } from "node:events";
import { cancelled } from "./retry.ts";
import { SMALL_WINDOW_LOG, WINDOW_LOG } from "./zstd-frame.ts";

/** Enough for the largest window, alone. */
const MOST_BYTES = 2 ** WINDOW_LOG;

/**
 * The memory for large windows of decompressors, in all threads of a job: as many as fit have it at the same time, the others wait for their turn.
 * (D4-07) Whoever has some gives it back when nothing is going on.
 */
export class Windows {
  /** Give it to the constructor in another thread. */
  readonly shared: SharedArrayBuffer;
  /** Bytes that are taken. */
  readonly #cells: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#cells = new Int32Array(shared);
  }

  /** @returns bytes that are to be given back @throws TransferFault `cancelled` */
  async take(windowLog: number, signal: AbortSignal): Promise<number> {
    if (windowLog <= SMALL_WINDOW_LOG) return 0;
    const bytes = Math.min(2 ** windowLog, MOST_BYTES);
    for (;;) {
      if (signal.aborted) throw cancelled();
      const taken = Atomics.load(this.#cells, 0);
      if (taken + bytes > MOST_BYTES) await this.#change(taken, signal);
      else if (Atomics.compareExchange(this.#cells, 0, taken, taken + bytes) === taken) return bytes;
    }
  }

  giveBack(bytes: number): void {
    if (bytes === 0) return;
    Atomics.sub(this.#cells, 0, bytes);
    Atomics.notify(this.#cells, 0);
  }

  async #change(taken: number, signal: AbortSignal): Promise<void> {
    const waiting = Atomics.waitAsync(this.#cells, 0, taken);
    if (!waiting.async) return;
    const done = new AbortController();
    const aborted = once(signal, "abort", { signal: done.signal }).catch(() => undefined);
    await Promise.race([waiting.value, aborted]);
    done.abort();
  }
}
