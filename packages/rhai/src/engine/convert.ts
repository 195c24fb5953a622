import { display } from "../text/format.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Char } from "../values/char.ts";
import { Float } from "../values/float.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import { HostObject } from "../values/host-object.ts";
import { type Int, narrow, toInt } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { HeapValue } from "../values/tag.ts";
import { Tagged } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";

const DEEPEST = 1000;

/** A FLOAT, also when the number is integral. */
export function float(n: number): Float {
  return new Float(n);
}

/** An INT from a whole number or bigint. Throws a RangeError when it is not whole or does not fit 64 bits. */
export function int(n: number | bigint): Int {
  if (typeof n === "number") {
    if (Number.isSafeInteger(n)) return n + 0;
    if (!Number.isInteger(n)) throw new RangeError(`${n} is not a whole number`);
  }
  const value = toInt(BigInt(n));
  if (value === null) throw new RangeError(`${n} does not fit a 64-bit integer`);
  return value;
}

/**
 * A JavaScript value as a script value: whole numbers become INT, other numbers FLOAT, `null` and `undefined` `()`,
 * arrays, plain objects and `Map`s their Rhai kin, `Uint8Array` a blob. Script values pass as they are. Functions,
 * symbols, cycles and objects of other classes are refused with a TypeError.
 */
export function fromJs(js: unknown, depth = 0): Value {
  if (depth > DEEPEST) throw new TypeError("value is nested too deeply (or in a cycle)");
  switch (typeof js) {
    case "undefined":
    case "boolean":
    case "string":
      return js;
    case "number":
      return Number.isSafeInteger(js) && !Object.is(js, -0) ? js : new Float(js);
    case "bigint": {
      const value = toInt(js);
      return value === null ? new Float(Number(js)) : narrow(BigInt(value));
    }
    case "object":
      return js === null ? undefined : fromObject(js, depth);
    default:
      throw new TypeError(`a ${typeof js} cannot be given to a script`);
  }
}

function fromObject(js: object, depth: number): Value {
  if (js instanceof HeapValue) return js as Value;
  if (js instanceof Uint8Array) return new Blob(Uint8Array.from(js));
  if (Array.isArray(js)) return new RhaiArray(js.map((item) => fromJs(item, depth + 1)));
  if (js instanceof Map)
    return RhaiMap.fromEntries([...js].map(([key, value]) => [String(key), fromJs(value, depth + 1)]));
  const prototype = Object.getPrototypeOf(js);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `an object of class ${js.constructor?.name ?? "?"} cannot be given to a script: register its type`,
    );
  }
  return RhaiMap.fromEntries(Object.entries(js).map(([key, value]) => [key, fromJs(value, depth + 1)]));
}

export interface ToJsOptions {
  /** INTs beyond the safe range: "bigint" (default) keeps them exact, "number" rounds. */
  readonly ints?: "bigint" | "number";
}

/**
 * A script value as plain JavaScript: maps become objects without prototype (so no key is special), chars strings,
 * blobs `Uint8Array`, function pointers and ranges their text, host objects the objects themselves.
 */
export function toJs(value: Value, options: ToJsOptions = {}): unknown {
  switch (typeof value) {
    case "undefined":
      return undefined;
    case "bigint":
      return options.ints === "number" ? Number(value) : value;
    case "object":
      return objectToJs(value, options);
    default:
      return value;
  }
}

function objectToJs(value: Value & object, options: ToJsOptions): unknown {
  if (value instanceof Float) return value.n;
  if (value instanceof Char) return value.text;
  if (value instanceof RhaiArray) return value.items.map((item) => toJs(item, options));
  if (value instanceof RhaiMap) {
    const object: Record<string, unknown> = Object.create(null);
    for (const key of value.keys()) object[key] = toJs(value.get(key), options);
    return object;
  }
  if (value instanceof Blob) return value.bytes.slice();
  if (value instanceof FnPtr) return value.name;
  if (value instanceof HostObject) return value.object;
  if (value instanceof Tagged) return toJs(value.value, options);
  return display(value);
}
