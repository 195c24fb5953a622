import { cancelled } from "../transfer/retry.ts";

/** So many at the same time as are allowed just now; first come, first served. */
export class Permits {
  readonly #allowed: () => number;
  readonly #queue: (() => void)[] = [];
  #active = 0;

  constructor(allowed: () => number) {
    this.#allowed = allowed;
  }

  /** Resolves to how to give the permit back. @throws TransferFault `cancelled` */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled();
    this.serve();
    if (this.#queue.length > 0 || this.#active >= this.#allowed()) await this.#wait(signal);
    else this.#active += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#active -= 1;
      this.serve();
    };
  }

  /** Lets in who may go now; to be called when more are allowed. */
  serve(): void {
    while (this.#queue.length > 0 && this.#active < this.#allowed()) {
      this.#active += 1;
      this.#queue.shift()?.();
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      const place = this.#queue.indexOf(resolve);
      if (place === -1) return;
      this.#queue.splice(place, 1);
      reject(cancelled());
    };
    this.#queue.push(resolve);
    signal.addEventListener("abort", abort, { once: true });
    await promise.finally(() => signal.removeEventListener("abort", abort));
  }
}
