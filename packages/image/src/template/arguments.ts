import type { Call } from "./ast.ts";
import { TemplateFailure } from "./source.ts";
import { equal, isMap, isNumber, kindOf, type Value } from "./value.ts";

/** Evaluated arguments of a filter, function or test; each getter checks the kind and says what is wrong. */
export class Arguments {
  readonly #call: Pick<Call, "name" | "span">;
  readonly #values: ReadonlyMap<string, Value>;

  constructor(call: Pick<Call, "name" | "span">, values: ReadonlyMap<string, Value>) {
    this.#call = call;
    this.#values = values;
  }

  fail(what: string): never {
    throw new TemplateFailure(this.#call.span, `'${this.#call.name}': ${what}`);
  }

  get(name: string): Value | undefined {
    return this.#values.get(name);
  }

  required(name: string): Value {
    return this.#values.get(name) ?? this.fail(`argument '${name}' is missing`);
  }

  string(name: string, fallback?: string): string {
    const value = this.get(name) ?? fallback ?? this.fail(`argument '${name}' is missing`);
    return typeof value === "string" ? value : this.fail(`argument '${name}' is ${kindOf(value)}, not a string`);
  }

  integer(name: string, fallback?: number): number {
    const value = this.get(name) ?? fallback ?? this.fail(`argument '${name}' is missing`);
    if (!isNumber(value) || !Number.isSafeInteger(Number(value))) {
      return this.fail(`argument '${name}' is ${kindOf(value)}, not an integer`);
    }
    return Number(value);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    return typeof value === "boolean" ? value : this.fail(`argument '${name}' is ${kindOf(value)}, not true or false`);
  }
}

/** `a.b.c` inside a value; undefined if some part is not there. */
export function attribute(value: Value, path: string): Value | undefined {
  let at: Value | undefined = value;
  for (const part of path.split(".")) {
    if (at === undefined || at === null) return undefined;
    if (Array.isArray(at)) at = (at as readonly Value[])[Number(part)];
    else at = isMap(at) && Object.hasOwn(at, part) ? at[part] : undefined;
  }
  return at;
}

/** Order of values of one kind; undefined when they cannot be compared. */
export function compare(a: Value, b: Value): number | undefined {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length - b.length;
  return equal(a, b) ? 0 : undefined;
}
