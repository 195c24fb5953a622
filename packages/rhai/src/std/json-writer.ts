import { RhaiError } from "../errors/rhai-error.ts";
import { debugFloat } from "../text/float-text.ts";
import { display } from "../text/format.ts";
import type { RhaiArray } from "../values/array.ts";
import type { Blob } from "../values/blob.ts";
import { Cell } from "../values/cell.ts";
import type { Char } from "../values/char.ts";
import type { Float } from "../values/float.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import type { RhaiMap, Shape } from "../values/map.ts";
import { Tag } from "../values/tag.ts";
import type { Tagged } from "../values/tagged.ts";
import { tagOf, type Value } from "../values/value.ts";

const DEEPEST = 1000;
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Valid JSON (spec 13.1, "do better"): chars as strings, proper escapes, what JSON cannot express as null or text.
 * Numbers keep their Rhai form: a FLOAT always shows a point or an exponent.
 */
export function toJson(value: Value): string {
  return write(value, 0);
}

function write(value: Value, depth: number): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      return `${value}`;
    case "undefined":
      return "null";
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return writeObject(value, depth);
  }
}

function writeObject(value: Value & object, depth: number): string {
  if (depth > DEEPEST) throw new RhaiError("ErrorDataTooLarge", "Nesting of JSON value too large");
  switch (tagOf(value)) {
    case Tag.Map:
      return writeMap(value as RhaiMap, depth);
    case Tag.Array: {
      const { items } = value as RhaiArray;
      let text = "[";
      for (let i = 0; i < items.length; i++) text += (i > 0 ? "," : "") + write(items[i], depth + 1);
      return `${text}]`;
    }
    case Tag.Float: {
      const { n } = value as Float;
      return Number.isFinite(n) ? debugFloat(n) : "null";
    }
    case Tag.Char:
      return quoted((value as Char).text);
    case Tag.Blob:
      return `[${(value as Blob).bytes.join(",")}]`;
    case Tag.Fn: {
      const { name, curried } = value as FnPtr;
      if (curried.length === 0) return quoted(name);
      const values = curried.map((item) => write(item instanceof Cell ? item.value : item, depth + 1));
      return `[${[quoted(name), ...values].join(",")}]`;
    }
    case Tag.Tagged:
      return write((value as Tagged).value, depth);
    default:
      return quoted(display(value));
  }
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Keys of a shape as they show in JSON, with their colon. */
const shapeKeys = new WeakMap<Shape, readonly string[]>();

function writeMap(map: RhaiMap, depth: number): string {
  const { shape } = map;
  let text = "{";
  if (shape !== null) {
    let keys = shapeKeys.get(shape);
    if (keys === undefined)
      shapeKeys.set(shape, (keys = shape.keys.map((key, i) => `${i > 0 ? "," : ""}${quoted(key)}:`)));
    const { values } = map;
    for (let i = 0; i < keys.length; i++) text += keys[i]! + write(values[i], depth + 1);
    return `${text}}`;
  }
  const keys = map.keys();
  for (let i = 0; i < keys.length; i++)
    text += `${i > 0 ? "," : ""}${quoted(keys[i]!)}:${write(map.get(keys[i]!), depth + 1)}`;
  return `${text}}`;
}
