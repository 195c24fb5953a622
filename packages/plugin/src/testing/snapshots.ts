import { HostFailure } from "./host-failure.ts";
import { jsonDifference } from "./json-difference.ts";

/** The snapshots of one test: values as they were when somebody last said that they are right. `kept` holds those of all tests of a file. */
export class SnapshotBook {
  readonly #kept: Map<string, unknown>;
  readonly #updating: boolean;
  readonly #prefix: string;

  constructor(kept: Map<string, unknown>, updating: boolean, prefix: string) {
    this.#kept = kept;
    this.#updating = updating;
    this.#prefix = prefix;
  }

  /** Whether a test has anything to compare with, or to keep. */
  isAbout(name: string): boolean {
    return this.#updating || this.#kept.has(this.#prefix + name);
  }

  /** What is kept under the name; `value` is kept from now on when snapshots are updated. Undefined: nothing is. */
  look(name: string, value: unknown): { readonly value: unknown } | undefined {
    const key = this.#prefix + name;
    if (this.#updating) this.#kept.set(key, value);
    return this.#kept.has(key) ? { value: this.#kept.get(key) } : undefined;
  }
}

/** The first difference from what is kept ends the test. */
export function requireSame(book: SnapshotBook, name: string, value: unknown): void {
  const kept = book.look(name, value);
  if (kept === undefined) throw new HostFailure(`there is no snapshot '${name}' yet; --update writes it`);
  const found = jsonDifference(kept.value, value);
  if (found !== undefined) throw new HostFailure(`snapshot '${name}': ${found}`);
}
