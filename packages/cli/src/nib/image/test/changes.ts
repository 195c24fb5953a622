import { type FSWatcher, watch } from "node:fs";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Editors write a file in several steps. */
const SETTLE_MS = 50;

/** Changes of the scripts of a plugin, its tests and its babel.yaml. */
export class Changes implements Disposable {
  readonly #watchers: readonly FSWatcher[];
  #next = Promise.withResolvers<void>();

  /** `signal` ends the waiting: what waits is rejected. */
  constructor(directories: readonly string[], metadata: string, signal: AbortSignal) {
    const counts = (name: string | null): boolean =>
      name === null || name.endsWith(".rhai") || basename(name) === basename(metadata);
    this.#watchers = directories.map((directory) =>
      watch(directory, { recursive: true }, (_event, name) => {
        if (counts(name)) this.#next.resolve();
      }).on("error", (error) => this.#next.reject(error)),
    );
    signal.addEventListener("abort", () => this.#next.reject(signal.reason), { once: true });
  }

  /** Resolves at the first change from now on, when it is written. */
  next(): Promise<void> {
    this.#next = Promise.withResolvers<void>();
    const settled = this.#next.promise.then(() => delay(SETTLE_MS));
    // Nobody may be waiting yet when it ends.
    settled.catch(() => {});
    return settled;
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
