import { Char, Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";
import { valueToJson } from "./to-json.ts";
import { typeName } from "./type-name.ts";

/** Something that does not convert, in the reference's words, and where it is: `services[0].name`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  readonly kind: "error" | "unknown-key";
  readonly help?: string;
}

/**
 * Converts a script value into plain data as the reference does (spec plugin-api.md §2.0): no coercion, unknown keys ignored, `()` is
 * an absent optional. Problems are collected in the order in which the reference would meet them; the result then is meaningless.
 */
export type Reader<T> = (value: Value, path: string, problems: Problem[]) => T;

export function mismatch(value: Value, path: string, expected: string, problems: Problem[]): void {
  problems.push({ kind: "error", path, message: `Output type incorrect: ${typeName(value)} (expecting ${expected})` });
}

export function invalid(path: string, message: string, problems: Problem[]): void {
  problems.push({ kind: "error", path, message: `Syntax error: ${message}` });
}

export const string: Reader<string> = (value, path, problems) => {
  if (typeof value === "string") return value;
  mismatch(value, path, "String", problems);
  return "";
};

export const bool: Reader<boolean> = (value, path, problems) => {
  if (typeof value === "boolean") return value;
  mismatch(value, path, "bool", problems);
  return false;
};

const LIMITS = {
  u16: [0n, 0xffffn],
  u32: [0n, 0xffff_ffffn],
  u64: [0n, 0xffff_ffff_ffff_ffffn],
  usize: [0n, 0xffff_ffff_ffff_ffffn],
  i32: [-0x8000_0000n, 0x7fff_ffffn],
} as const;

/** A time or an amount: one beyond 2^53 means "without end", as the largest number that is exact does. */
export function int(type: keyof typeof LIMITS): Reader<number> {
  const [minimum, maximum] = LIMITS[type];
  const read = wholeNumber(minimum, maximum, type);
  return (value, path, problems) => Math.min(read(value, path, problems), Number.MAX_SAFE_INTEGER);
}

/** A number by which something is found again: never rounded, so refused beyond 2^53. */
export const identity: Reader<number> = wholeNumber(0n, BigInt(Number.MAX_SAFE_INTEGER), "u64", "u64 below 2^53");

function wholeNumber(minimum: bigint, maximum: bigint, type: string, range = type): Reader<number> {
  return (value, path, problems) => {
    if (typeof value !== "number" && typeof value !== "bigint") {
      mismatch(value, path, type, problems);
      return 0;
    }
    if (value < minimum || value > maximum)
      invalid(path, `invalid value: integer \`${value}\`, expected ${range}`, problems);
    return Number(value);
  };
}

function optional<T>(inner: Reader<T>): Reader<T | null> {
  return (value, path, problems) => (value === undefined ? null : inner(value, path, problems));
}

export function array<T>(inner: Reader<T>): Reader<readonly T[]> {
  return (value, path, problems) => {
    if (value instanceof RhaiArray) return value.items.map((item, index) => inner(item, `${path}[${index}]`, problems));
    mismatch(value, path, "array", problems);
    return [];
  };
}

/** A MAP with any keys. */
export function mapOf<T>(inner: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (value, path, problems) => {
    if (value instanceof RhaiMap) {
      return Object.fromEntries(value.keys().map((key) => [key, inner(value.get(key), `${path}.${key}`, problems)]));
    }
    mismatch(value, path, "map", problems);
    return {};
  };
}

export type FieldReader<T> = {
  readonly read: Reader<T>;
  /** Value when the key is missing; without it the key is required. */
  readonly absent?: { readonly value: T };
};

export function required<T>(read: Reader<T>): FieldReader<T> {
  return { read };
}

export function option<T>(read: Reader<T>): FieldReader<T | null> {
  return { read: optional(read), absent: { value: null } };
}

/** Not an option: the key may be missing, but `()` is a type error. */
export function defaulted<T>(read: Reader<T>, value: T): FieldReader<T> {
  return { read, absent: { value } };
}

export function struct<T>(fields: { readonly [K in keyof T]: FieldReader<T[K]> }): Reader<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value, path, problems) => {
    if (!(value instanceof RhaiMap)) {
      mismatch(value, path, "map", problems);
      return {} as T;
    }
    const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
    const found: Partial<T> = {};
    // Keys in their order first, missing fields last: the first problem is the one the reference stops at.
    for (const key of value.keys()) {
      const name = names.find((one) => one === key);
      if (name === undefined) problems.push(unknownKey(at(key), key, names));
      else found[name] = fields[name].read(value.get(key), at(key), problems);
    }
    const complete = names.map((name) => {
      if (name in found) return [name, found[name]];
      const { absent } = fields[name];
      if (!absent) invalid(at(name), `missing field \`${name}\``, problems);
      return [name, absent?.value ?? null];
    });
    return Object.fromEntries(complete) as T;
  };
}

function unknownKey(path: string, key: string, known: readonly string[]): Problem {
  return {
    kind: "unknown-key",
    path,
    message: `unknown key \`${key}\` is ignored`,
    help: `known keys: ${known.join(", ")}`,
  };
}

/**
 * An externally tagged enum: a STRING for a variant without content, a MAP with one key for one with content. `variants` maps names to
 * the content's reader, or to null for none.
 */
export function taggedEnum<T>(variants: Readonly<Record<string, Reader<unknown> | null>>): Reader<T> {
  const names = Object.keys(variants);
  const unknown = (name: string, path: string, problems: Problem[]): void => {
    const quoted = names.map((one) => `\`${one}\``);
    const expected =
      quoted.length === 1 ? quoted[0] : quoted.length === 2 ? quoted.join(" or ") : `one of ${quoted.join(", ")}`;
    invalid(path, `unknown variant \`${name}\`, expected ${expected}`, problems);
  };
  return (value, path, problems) => {
    if (typeof value === "string") {
      const content = variants[value];
      if (content === undefined) unknown(value, path, problems);
      else if (content !== null) invalid(path, "invalid type: unit variant, expected newtype variant", problems);
      return value as T;
    }
    if (!(value instanceof RhaiMap) || value.size !== 1) {
      mismatch(value, path, names.join(" | "), problems);
      return "" as T;
    }
    const key = value.keys()[0]!;
    const content = variants[key];
    if (content === undefined) unknown(key, path, problems);
    if (content === null && value.get(key) !== undefined) mismatch(value.get(key), `${path}.${key}`, "()", problems);
    if (!content) return key as T;
    return { [key]: content(value.get(key), `${path}.${key}`, problems) } as T;
  };
}

/** JSON text of any value that JSON can hold: numbers stay what they are in the script, which JavaScript's own would not. */
export const json: Reader<string> = (value, path, problems) => {
  refuseUnholdable(value, path, problems);
  return valueToJson(value);
};

function refuseUnholdable(value: Value, path: string, problems: Problem[]): void {
  if (value === undefined || typeof value !== "object" || value instanceof Float || value instanceof Char) return;
  if (value instanceof RhaiArray) {
    for (const [index, item] of value.items.entries()) refuseUnholdable(item, `${path}[${index}]`, problems);
  } else if (value instanceof RhaiMap) {
    for (const key of value.keys()) refuseUnholdable(value.get(key), path === "" ? key : `${path}.${key}`, problems);
  } else mismatch(value, path, "a JSON value", problems);
}
