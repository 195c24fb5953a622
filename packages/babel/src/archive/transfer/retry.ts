import { setTimeout as delay } from "node:timers/promises";
import { type FaultKind, faultOf, TransferFault } from "./fault.ts";

export type RetryTimes = {
  readonly baseMs: number;
  readonly capMs: number;
  /** Without any progress for this long, retrying ends. */
  readonly patienceMs: number;
  /** A corrupt object is fetched or sent again this often. */
  readonly corruptRetries: number;
};

/** D4-09 */
export const RETRY_TIMES: RetryTimes = { baseMs: 500, capMs: 60_000, patienceMs: 30 * 60_000, corruptRetries: 3 };

export const monotonicMs = (): number => performance.now();

/** When something last got through; all transfers of a job share it, in whatever thread: whoever makes progress keeps the others trying. */
export class SharedProgress {
  readonly shared: SharedArrayBuffer;
  readonly #at: BigInt64Array;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(8);
    this.#at = new BigInt64Array(this.shared);
    if (shared === undefined) this.note();
  }

  note(): void {
    Atomics.store(this.#at, 0, process.hrtime.bigint());
  }

  idleMs(): number {
    return Number(process.hrtime.bigint() - Atomics.load(this.#at, 0)) / 1e6;
  }
}

export type Verdict =
  /** Again after the pause; `from` says whether with what is there already. */
  | { readonly kind: "again"; readonly waitMs: number; readonly from: "here" | "beginning"; readonly newUrl: boolean }
  | { readonly kind: "fail"; readonly fault: TransferFault };

/** Decides what happens after each failure of one chunk's transfer. */
export class RetryPolicy {
  readonly #times: RetryTimes;
  readonly #progress: SharedProgress;
  readonly #random: () => number;
  #failures = 0;
  #corrupt = 0;
  #expired = 0;

  constructor(progress: SharedProgress, times: RetryTimes = RETRY_TIMES, random: () => number = Math.random) {
    this.#progress = progress;
    this.#times = times;
    this.#random = random;
  }

  /** Bytes came through: the next pause is a short one again. */
  succeeded(): void {
    this.#failures = 0;
    this.#expired = 0;
    this.#progress.note();
  }

  after(error: unknown): Verdict {
    const fault = faultOf(error);
    const again = (from: "here" | "beginning", waitMs: number, newUrl = false): Verdict => ({
      kind: "again",
      waitMs,
      from,
      newUrl,
    });
    switch (fault.kind) {
      case "permanent":
      case "environment":
      case "cancelled":
        return { kind: "fail", fault };
      case "corrupt":
        this.#corrupt += 1;
        return this.#corrupt > this.#times.corruptRetries
          ? { kind: "fail", fault }
          : again("beginning", this.#pause(fault), true);
      case "range-unsupported":
        return this.#patient(fault) ?? again("beginning", this.#pause(fault));
      case "url-expired":
        // A first new url at once; a store that refuses new ones as well is asked less and less often.
        this.#expired += 1;
        return this.#patient(fault) ?? again("here", this.#expired === 1 ? 0 : this.#pause(fault), true);
      case "transient":
      case "throttled":
      case "stalled":
        return this.#patient(fault) ?? again("here", this.#pause(fault));
    }
  }

  #patient(fault: TransferFault): Verdict | undefined {
    if (this.#progress.idleMs() < this.#times.patienceMs) return undefined;
    const minutes = Math.round(this.#times.patienceMs / 60_000);
    return { kind: "fail", fault: new TransferFault(fault.kind, `no progress for ${minutes} min`, { cause: fault }) };
  }

  /** Full jitter; at least what the server asked for. */
  #pause(fault: TransferFault): number {
    const ceiling = Math.min(this.#times.capMs, this.#times.baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.max(fault.retryAfterMs ?? 0, this.#random() * ceiling);
  }
}

/** A pause that a stop request ends. @throws TransferFault `cancelled` */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw cancelled();
  if (ms <= 0) return;
  await delay(ms, undefined, { signal }).catch(() => {
    throw cancelled();
  });
}

export const cancelled = (): TransferFault => new TransferFault("cancelled", "interrupted");

export const isKind = (error: unknown, kind: FaultKind): boolean =>
  error instanceof TransferFault && error.kind === kind;
