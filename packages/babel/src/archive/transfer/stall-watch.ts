import { monotonicMs } from "./retry.ts";

/** A transfer slower than this, while it is waited for, is given up and begun again. (D4-10) */
export type StallLimit = { readonly windowMs: number; readonly bytesPerSecond: number };
export const STALL_LIMIT: StallLimit = { windowMs: 60_000, bytesPerSecond: 64 * 1024 };

/**
 * Tells of a transfer in which too little happens. Only the time counts in which the other side is waited for: who receives may be slow, and a bandwidth
 * cap may hold either back.
 */
export class StallWatch {
  stalled = false;
  readonly #timer: NodeJS.Timeout;
  #since: number | undefined = monotonicMs();
  #waited = 0;
  #bytes = 0;

  /** It begins with waiting. @param stalled is called at the end of every window that was too slow */
  constructor(limit: StallLimit, stalled: () => void) {
    this.#timer = setInterval(() => {
      const waited = this.#waited + (this.#since === undefined ? 0 : monotonicMs() - this.#since);
      if (waited < limit.windowMs) return;
      if (this.#bytes * 1000 < limit.bytesPerSecond * waited) {
        this.stalled = true;
        stalled();
      }
      this.#waited = 0;
      this.#bytes = 0;
      if (this.#since !== undefined) this.#since = monotonicMs();
    }, limit.windowMs / 20);
  }

  passed(bytes: number): void {
    this.#bytes += bytes;
  }

  /** It is not the other side that is waited for. */
  rest(): void {
    if (this.#since !== undefined) this.#waited += monotonicMs() - this.#since;
    this.#since = undefined;
  }

  wait(): void {
    this.#since ??= monotonicMs();
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
