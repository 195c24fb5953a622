import { addressPattern, type Pattern } from "./answers.ts";
import { HostFailure } from "./host-failure.ts";
import type { Matcher } from "./matcher.ts";

/** The arguments of a call of a test, as JSON texts (`script/test-json.ts`). */
export class ScriptArguments {
  readonly #texts: readonly string[];
  readonly #what: string;

  constructor(what: string, texts: readonly unknown[]) {
    this.#what = what;
    this.#texts = texts.map(String);
  }

  get length(): number {
    return this.#texts.length;
  }

  /** As it was given, numbers exact. */
  json(index: number): string {
    return this.#texts[index] ?? "null";
  }

  value(index: number): unknown {
    return JSON.parse(this.json(index));
  }

  text(index: number): string {
    const value = this.value(index);
    return typeof value === "string" ? value : this.refuse(`argument ${index + 1} has to be a text`);
  }

  number(index: number, initial: number): number {
    return index < this.length ? Number(this.value(index)) : initial;
  }

  map(index: number): Readonly<Record<string, unknown>> {
    const value = index < this.length ? this.value(index) : {};
    return isMap(value) ? value : this.refuse(`argument ${index + 1} has to be a map`);
  }

  texts(index: number): Readonly<Record<string, string>> {
    return this.textsOf(this.map(index));
  }

  textsOf(map: unknown): Readonly<Record<string, string>> {
    if (!isMap(map)) return this.refuse("give a map of texts");
    const wrong = Object.keys(map).find((key) => typeof map[key] !== "string");
    return wrong === undefined ? (map as Record<string, string>) : this.refuse(`'${wrong}' has to be a text`);
  }

  list(index: number): readonly unknown[] | undefined {
    const value = this.value(index);
    return Array.isArray(value) ? value : undefined;
  }

  pattern(index: number): Pattern {
    return patternOf(this.value(index)) ?? this.refuse(`argument ${index + 1} has to be a text or a matcher`);
  }

  address(index: number): Pattern {
    const pattern = this.pattern(index);
    return typeof pattern === "string" ? addressPattern(pattern) : pattern;
  }

  refuse(why: string): never {
    throw new HostFailure(`${this.#what}: ${why}`);
  }

  /** Refuses keys that mean nothing. */
  requireKeys(map: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    const unknown = Object.keys(map).find((key) => !known.includes(key));
    if (unknown !== undefined) this.refuse(`unknown key '${unknown}'; there are ${known.join(", ")}`);
  }
}

export function patternOf(value: unknown): Pattern | undefined {
  if (typeof value === "string") return value;
  return isMap(value) && isMap(value["$matcher"]) ? (value["$matcher"] as unknown as Matcher) : undefined;
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
