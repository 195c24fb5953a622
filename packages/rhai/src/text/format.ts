import type { RhaiArray } from "../values/array.ts";
import type { Blob } from "../values/blob.ts";
import { Cell } from "../values/cell.ts";
import type { Char } from "../values/char.ts";
import type { Float } from "../values/float.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import type { HostObject } from "../values/host-object.ts";
import { INT_MAX } from "../values/int.ts";
import type { SequenceValue } from "../values/iterator.ts";
import type { RhaiMap } from "../values/map.ts";
import type { Range } from "../values/range.ts";
import { Tag } from "../values/tag.ts";
import type { Tagged } from "../values/tagged.ts";
import { tagOf, type Value } from "../values/value.ts";
import { debugFloat, displayFloat } from "./float-text.ts";
import { quote, quoteChar } from "./quote.ts";

/** How host types print; filled by the engine that registered them. */
export interface HostText {
  display(value: HostObject): string;
  debug(value: HostObject): string;
  raw(value: HostObject): string;
}

let hostText: HostText = {
  display: (value) => value.typeName,
  debug: (value) => value.typeName,
  raw: (value) => value.typeName,
};

/** Sets how host types print for the evaluation that runs now; returns what was set before. */
export function setHostText(text: HostText): HostText {
  const before = hostText;
  hostText = text;
  return before;
}

/** Deeper values print as `…`: text must not overflow the stack. */
const DEEPEST = 400;

type Style = "script" | "raw";

/** `to_string`, `print`, interpolation. */
export function display(value: Value): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    case "undefined":
      return "";
    default:
      return displayObject(value, "script");
  }
}

/** `to_debug`, `debug`, nested elements. */
export function debug(value: Value): string {
  return debugAt(value, "script", 0);
}

/** Text of an uncaught thrown value. */
export function rawDisplay(value: Value): string {
  return typeof value === "object" ? displayObject(value, "raw") : display(value);
}

/** The debug form of the reference's own formatter: chars quoted, function pointers in full. */
export function rawDebug(value: Value): string {
  return debugAt(value, "raw", 0);
}

function displayObject(value: Value & object, style: Style): string {
  switch (value.tag) {
    case Tag.Float:
      return displayFloat((value as Float).n);
    case Tag.Char:
      return (value as Char).text;
    case Tag.Fn:
      return `Fn(${(value as FnPtr).name})`;
    case Tag.Tagged:
      return display((value as Tagged).value);
    default:
      if (value.tag >= Tag.FirstHost) {
        return style === "raw" ? hostText.raw(value as HostObject) : hostText.display(value as HostObject);
      }
      return debugAt(value, style, 0);
  }
}

function debugAt(value: Value, style: Style, depth: number): string {
  switch (tagOf(value)) {
    case Tag.Unit:
      return "()";
    case Tag.Bool:
    case Tag.Int:
      return String(value);
    case Tag.String:
      return quote(value as string);
    case Tag.Float:
      return debugFloat((value as Float).n);
    case Tag.Char:
      return style === "raw" ? quoteChar((value as Char).text) : (value as Char).text;
    case Tag.Array:
      return depth > DEEPEST
        ? "[…]"
        : `[${(value as RhaiArray).items.map((item) => debugAt(item, style, depth + 1)).join(", ")}]`;
    case Tag.Map:
      return depth > DEEPEST ? "#{…}" : debugMap(value as RhaiMap, style, depth);
    case Tag.Blob:
      return debugBlob(value as Blob);
    case Tag.Range:
    case Tag.RangeInclusive:
      return debugRange(value as Range);
    case Tag.Fn:
      return style === "raw" ? rawFunction(value as FnPtr) : `Fn(${(value as FnPtr).name})`;
    case Tag.Timestamp:
      return "<timestamp>";
    case Tag.Iterator:
      return style === "raw" ? (value as SequenceValue).native : "range";
    case Tag.Tagged:
      return debugAt((value as Tagged).value, style, depth);
    default:
      return style === "raw" ? hostText.raw(value as HostObject) : hostText.debug(value as HostObject);
  }
}

function debugMap(map: RhaiMap, style: Style, depth: number): string {
  const parts = map.keys().map((key) => `${quote(key)}: ${debugAt(map.get(key), style, depth + 1)}`);
  return `#{${parts.join(", ")}}`;
}

function debugBlob(blob: Blob): string {
  let text = "[";
  blob.bytes.forEach((byte, i) => {
    if (i > 0 && i % 8 === 0) text += " ";
    text += byte.toString(16).padStart(2, "0");
  });
  return `${text}]`;
}

function debugRange(range: Range): string {
  const to = range.to === INT_MAX ? "" : String(range.to);
  return `${range.from}${range.inclusive ? "..=" : ".."}${to}`;
}

function rawFunction(fn: FnPtr): string {
  const curried = fn.curried.map((value) =>
    value instanceof Cell ? `${rawDebug(value.value)} (shared)` : rawDebug(value),
  );
  return `Fn${fn.link === null ? "" : "*"}${fn.home === null ? "" : "+"}(${[quote(fn.name), ...curried].join(", ")})`;
}
