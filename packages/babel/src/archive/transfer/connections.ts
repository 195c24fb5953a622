import { cancelled, monotonicMs } from "./retry.ts";

/** How long a store that asked for fewer connections gets them. */
const HOLD_MS = 60_000;

/**
 * Transfers at the same time, as many as the cap in force lets; first come, first served. A store that is overloaded gets half of that for a
 * minute. (§9.5, D4-06)
 */
export class Connections {
  readonly #fallback: number;
  readonly #queue: (() => void)[] = [];
  #cap: number;
  #active = 0;
  #reduced: { readonly to: number; readonly until: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param fallback cap while none is set */
  constructor(fallback: number) {
    this.#fallback = fallback;
    this.#cap = fallback;
  }

  limit(cap: number | undefined): void {
    this.#cap = Math.max(1, cap ?? this.#fallback);
    this.#serve();
  }

  /** Connections that may be open now. */
  get allowed(): number {
    const { to, until } = this.#reduced ?? { to: this.#cap, until: 0 };
    return until > monotonicMs() ? Math.min(to, this.#cap) : this.#cap;
  }

  throttled(): void {
    this.#reduced = { to: Math.max(1, Math.floor(this.allowed / 2)), until: monotonicMs() + HOLD_MS };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#serve(), HOLD_MS + 10);
    this.#timer.unref();
  }

  /** Resolves to how to give the connection back. @throws TransferFault `cancelled` */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled();
    if (this.#queue.length > 0 || this.#active >= this.allowed) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const abort = () => {
        const place = this.#queue.indexOf(resolve);
        if (place === -1) return;
        this.#queue.splice(place, 1);
        reject(cancelled());
      };
      this.#queue.push(resolve);
      signal.addEventListener("abort", abort, { once: true });
      await promise;
      signal.removeEventListener("abort", abort);
    } else {
      this.#active += 1;
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#active -= 1;
      this.#serve();
    };
  }

  #serve(): void {
    while (this.#queue.length > 0 && this.#active < this.allowed) {
      this.#active += 1;
      this.#queue.shift()?.();
    }
  }
}
