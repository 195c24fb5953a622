import { clampToSafe, type Int } from "../values/int.ts";
import type { Range } from "../values/range.ts";

/** Part of a sequence: `from` inclusive, `to` exclusive, both within it. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** A single index, negative from the end (spec 15 IDX); -1 when outside. */
export function position(index: Int, length: number): number {
  const at = index < 0 ? clampToSafe(index) + length : clampToSafe(index);
  return at >= 0 && at < length ? at : -1;
}

/** Start and length (spec 15 OFF). */
function offset(start: Int, count: Int, length: number): Window {
  const wanted = clampToSafe(start);
  const from = wanted < 0 ? Math.max(0, wanted + length) : wanted;
  if (from >= length) return { from: length, to: length };
  const n = clampToSafe(count);
  return { from, to: n <= 0 ? from : Math.min(length, from + n) };
}

/** A range (spec 15 RNG): negative bounds count as 0; `3..=1` still selects one element. */
function rangeWindow(range: Range, length: number): Window {
  const from = Math.max(0, clampToSafe(range.from));
  const to = Math.max(0, clampToSafe(range.to));
  const count = Math.max(0, to - from) + (range.inclusive ? 1 : 0);
  return offset(from, count, length);
}

/** From a start to the end. */
function tail(start: Int, length: number): Window {
  return offset(start, Number.MAX_SAFE_INTEGER, length);
}

/** The window of `(start)`, `(start, len)` or `(range)` arguments. */
export function windowOf(a: Int | Range, b: Int | undefined, length: number): Window {
  if (typeof a === "object") return rangeWindow(a, length);
  return b === undefined ? tail(a, length) : offset(a, b, length);
}
