import { sameValue } from "../ops/compare.ts";
import { checkArraySize, checkSize } from "../run/sizes.ts";
import { vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { share } from "../values/copy.ts";
import { clampToSafe, type Int } from "../values/int.ts";
import { newItems } from "../values/items.ts";
import type { Range } from "../values/range.ts";
import type { Value } from "../values/value.ts";
import type { Library } from "./library.ts";
import { position, type Window, windowOf } from "./windows.ts";

/** Arrays (spec 15.5), except for the functions that take callbacks and sorting. */
export function addArrays(library: Library): void {
  library
    .property("len", "a", (a: RhaiArray) => a.items.length, "Number of elements.")
    .property("is_empty", "a", (a: RhaiArray) => a.items.length === 0)
    .fn("get", "ai", (a: RhaiArray, i: Int) => {
      const at = place(i, a.items.length);
      return at < 0 ? undefined : share(a.items[at]);
    })
    .mutator("set", "ai*", (a: RhaiArray, i: Int, value: Value) => {
      const at = place(i, a.items.length);
      if (at >= 0) a.items[at] = value;
      return undefined;
    })
    .mutator(
      "push",
      "a*",
      (a: RhaiArray, value: Value) => {
        a.items.push(value);
        if (vm.arraySize > 0 || a.items.length > 4096 || typeof value === "object") grown(a, value);
        return undefined;
      },
      "Adds an element at the end.",
    )
    .mutator("append", "aa", (a: RhaiArray, other: RhaiArray) => {
      checkArraySize(a.items.length + other.items.length);
      const added = other === a ? other.items.slice() : other.items;
      for (const item of added) a.items.push(share(item));
      return undefined;
    })
    .mutator("insert", "ai*", (a: RhaiArray, i: Int, value: Value) => {
      const { length } = a.items;
      checkArraySize(length + 1);
      const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : Math.min(length, clampToSafe(i));
      a.items.splice(at, 0, value);
      return undefined;
    })
    .mutator("pad", "ai*", (a: RhaiArray, n: Int, value: Value) => {
      if (n <= a.items.length) return undefined;
      const length = clampToSafe(n);
      checkArraySize(length);
      share(value);
      a.items = padded(a.items, length, value);
      checkSize(a);
      return undefined;
    })
    .mutator("pop", "a", (a: RhaiArray) => a.items.pop())
    .mutator("shift", "a", (a: RhaiArray) => a.items.shift())
    .mutator("remove", "ai", (a: RhaiArray, i: Int) => {
      const at = position(i, a.items.length);
      return at < 0 ? undefined : a.items.splice(at, 1)[0];
    })
    .mutator("clear", "a", (a: RhaiArray) => {
      a.items.length = 0;
      return undefined;
    })
    .mutator("truncate", "ai", (a: RhaiArray, n: Int) => {
      if (n < a.items.length) a.items.length = Math.max(0, clampToSafe(n));
      return undefined;
    })
    .mutator("chop", "ai", (a: RhaiArray, n: Int) => {
      if (n < a.items.length) a.items.splice(0, a.items.length - Math.max(0, clampToSafe(n)));
      return undefined;
    })
    .mutator("reverse", "a", (a: RhaiArray) => {
      a.items.reverse();
      return undefined;
    })
    .mutator("splice", "aiia", (a: RhaiArray, start: Int, n: Int, by: RhaiArray) =>
      replace(a, windowOf(start, n, a.items.length), by),
    )
    .mutator("splice", "ara aRa", (a: RhaiArray, range: Range, by: RhaiArray) =>
      replace(a, windowOf(range, undefined, a.items.length), by),
    )
    .fn("extract", "ai aii ar aR", (a: RhaiArray, start: Int | Range, n?: Int) => {
      const { from, to } = windowOf(start, n, a.items.length);
      const items = a.items.slice(from, to);
      for (const item of items) share(item);
      return new RhaiArray(items);
    })
    .mutator("split", "ai", (a: RhaiArray, i: Int) => {
      const { length } = a.items;
      const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : Math.min(length, clampToSafe(i));
      return new RhaiArray(a.items.splice(at));
    })
    .mutator("drain", "aii ar aR", (a: RhaiArray, start: Int | Range, n?: Int) => {
      const { from, to } = windowOf(start, n, a.items.length);
      return new RhaiArray(a.items.splice(from, to - from));
    })
    .mutator("retain", "aii ar aR", (a: RhaiArray, start: Int | Range, n?: Int) => {
      const { from, to } = windowOf(start, n, a.items.length);
      if (to === from) return new RhaiArray([]);
      const kept = a.items.slice(from, to);
      const removed = [...a.items.slice(0, from), ...a.items.slice(to)];
      a.items = kept;
      return new RhaiArray(removed);
    })
    .fn("contains", "a*", (a: RhaiArray, value: Value) => a.items.some((item) => sameValue(item, value)))
    .fn("index_of", "a*", (a: RhaiArray, value: Value) => indexOf(a, value, 0))
    .fn("index_of", "a*i", (a: RhaiArray, value: Value, start: Int) =>
      indexOf(a, value, startOf(start, a.items.length)),
    );
}

const CHUNK = 8192;

/** The items followed by as many of `value` as it takes. Joining blocks, unlike pushing, gets the memory in one piece. */
function padded(items: readonly Value[], length: number, value: Value): Value[] {
  const missing = length - items.length;
  const size = Math.min(missing, Math.max(CHUNK, missing >> 8));
  const block = newItems();
  while (block.length < size) block.push(value);
  const blocks = Array.from({ length: Math.floor(missing / size) }, () => block);
  return items.concat(...blocks, block.slice(0, missing % size));
}

/** More negative than the length counts as the first element. */
function place(i: Int, length: number): number {
  const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : clampToSafe(i);
  return at < length ? at : -1;
}

/** Where a search starts, negative from the end. */
export function startOf(start: Int, length: number): number {
  return start < 0 ? Math.max(0, length + clampToSafe(start)) : clampToSafe(start);
}

function grown(a: RhaiArray, value: Value): void {
  checkArraySize(a.items.length);
  if (typeof value === "object") checkSize(value);
}

function replace(a: RhaiArray, window: Window, by: RhaiArray): undefined {
  const added = by.items.map(share);
  checkArraySize(a.items.length - (window.to - window.from) + added.length);
  a.items = [...a.items.slice(0, window.from), ...added, ...a.items.slice(window.to)];
  return undefined;
}

export function indexOf(a: RhaiArray, value: Value, from: number): number {
  for (let i = from; i < a.items.length; i++) if (sameValue(a.items[i], value)) return i;
  return -1;
}
