import type { Job } from "./job.ts";
import { FINAL_STATUS, isArchive } from "./program.ts";

/** Waits of this many times the first at most: an hour, when the first is a minute. */
const MOST = 60;

/** It has failed, and to run it again may help: it is no archive job that knows better, and not one that runs only once. */
export function mayHelpAgain({ record, config, blocked }: Pick<Job, "record" | "config" | "blocked">): boolean {
  const { state, lastRun } = record;
  if (state.kind !== "finished" || state.exitCode === 0 || blocked || config.one_time === true) return false;
  return !(isArchive(config) && lastRun?.end?.exitCode === FINAL_STATUS);
}

/**
 * Starts failed jobs again that others need to run: what they failed for may be over, and a node whose services wait for them does nothing
 * (plugin-api.md §4 Do better). Later and later, for as long as that is so.
 */
export class NeededRetries {
  readonly #firstMs: number;
  readonly #start: (name: string) => Promise<void>;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #tries = new Map<string, number>();

  /** `firstMs`: the first wait; each further one is twice as long. `start` handles its own failures. */
  constructor(firstMs: number, start: (name: string) => Promise<void>) {
    this.#firstMs = firstMs;
    this.#start = start;
  }

  /** Tells which jobs have failed and are in the way of others; says of a new one in how many milliseconds it is started again. */
  update(inTheWay: ReadonlySet<string>, onWait: (name: string, waitMs: number) => void): void {
    for (const [name, timer] of this.#waiting) {
      if (inTheWay.has(name)) continue;
      clearTimeout(timer);
      this.#waiting.delete(name);
    }
    for (const name of inTheWay) {
      if (this.#waiting.has(name)) continue;
      const tries = this.#tries.get(name) ?? 0;
      const waitMs = this.#firstMs * Math.min(2 ** tries, MOST);
      const again = (): void => {
        this.#waiting.delete(name);
        this.#tries.set(name, tries + 1);
        void this.#start(name);
      };
      this.#waiting.set(name, setTimeout(again, waitMs).unref());
      onWait(name, waitMs);
    }
  }

  /** It has done its work, or is another job by now. */
  forget(name: string): void {
    this.#tries.delete(name);
  }

  close(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
