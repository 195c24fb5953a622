import type { Source } from "@blockvisor/rhai";
import { fileOf } from "./failure.ts";

/** Files → lines on which statements began that ran. */
export type Covered = Readonly<Record<string, readonly number[]>>;

/** Notes which statements of a script run, until somebody takes the notes. */
export class CoverageNotes {
  readonly #starts = new Map<Source, Set<number>>();

  readonly onStatement = (source: Source, start: number): void => {
    const starts = this.#starts.get(source);
    if (starts) starts.add(start);
    else this.#starts.set(source, new Set([start]));
  };

  take(): Covered {
    const lines = [...this.#starts].map(([source, starts]) => [
      fileOf(source.name),
      [...new Set([...starts].map((start) => source.position(start).line))],
    ]);
    this.#starts.clear();
    return Object.fromEntries(lines);
  }
}
