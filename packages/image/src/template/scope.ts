import type { Value, ValueMap } from "./value.ts";

/** Names that a template sees: those of the loops it is in, its own, and what it was given. A macro begins with an empty one. */
export class Scope {
  readonly #given: ValueMap;
  readonly #own = new Map<string, Value>();
  readonly #loops: Map<string, Value>[] = [];

  constructor(given: ValueMap) {
    this.#given = given;
  }

  get(name: string): Value | undefined {
    for (let index = this.#loops.length - 1; index >= 0; index -= 1) {
      const value = this.#loops[index]!.get(name);
      if (value !== undefined) return value;
    }
    return this.#own.get(name) ?? (Object.hasOwn(this.#given, name) ? this.#given[name] : undefined);
  }

  /** In a loop, only for the rest of this turn. */
  set(name: string, value: Value): void {
    (this.#loops.at(-1) ?? this.#own).set(name, value);
  }

  setGlobal(name: string, value: Value): void {
    this.#own.set(name, value);
  }

  /** Runs one turn of a loop with names of its own. */
  turn<T>(names: ReadonlyMap<string, Value>, body: () => T): T {
    this.#loops.push(new Map(names));
    try {
      return body();
    } finally {
      this.#loops.pop();
    }
  }
}
