import { notFoundText } from "../errors/throwing.ts";
import { compareText } from "../text/code-points.ts";
import { RhaiArray } from "../values/array.ts";
import type { Char } from "../values/char.ts";
import { share } from "../values/copy.ts";
import type { Float } from "../values/float.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import { Tag } from "../values/tag.ts";
import type { Timestamp } from "../values/timestamp.ts";
import { typeNameOf } from "../values/type-name.ts";
import { tagOf, type Value } from "../values/value.ts";
import { Callback, comparing } from "./callback.ts";
import type { Library } from "./library.ts";

type Fn = FnPtr | string;

/** `sort`, `order` and their like. Sorting is stable; strings sort by code point. */
export function addSorting(library: Library): void {
  library
    .mutator("sort", "a", (a: RhaiArray) => into(a, naturally(a.items, 1)))
    .mutator("sort_desc", "a", (a: RhaiArray) => into(a, naturally(a.items, -1)))
    .mutator("sort", "aF as", (a: RhaiArray, f: Fn) => into(a, by(a.items, f, "sort")))
    .mutator("sort_by", "aF as", (a: RhaiArray, f: Fn) => into(a, by(a.items, f, "sort_by")))
    .fn("order", "a", (a: RhaiArray) => copyOf(naturally(a.items, 1)))
    .fn("order_desc", "a", (a: RhaiArray) => copyOf(naturally(a.items, -1)))
    .fn("order", "aF as", (a: RhaiArray, f: Fn) => copyOf(by(a.items, f, "order")))
    .fn("order_by", "aF as", (a: RhaiArray, f: Fn) => copyOf(by(a.items, f, "order_by")));
}

function into(a: RhaiArray, sorted: Value[]): undefined {
  a.items = sorted;
  return undefined;
}

function copyOf(sorted: Value[]): RhaiArray {
  return new RhaiArray(sorted.map(share));
}

function naturally(items: readonly Value[], direction: 1 | -1): Value[] {
  if (items.length < 2) return items.slice();
  const tag = tagOf(items[0]);
  if (items.some((item) => tagOf(item) !== tag)) throw notFoundText("elements of different types cannot be sorted");
  const order = orders[tag];
  if (order === undefined) throw notFoundText(`elements of ${typeNameOf(items[0])} cannot be sorted`);
  // `sort` of JavaScript would move `undefined` around; all of them are equal here.
  if (tag === Tag.Unit) return items.slice();
  return items.slice().sort((x, y) => direction * order(x as never, y as never));
}

const number = (x: number, y: number): number => (x < y ? -1 : x > y ? 1 : 0);

const orders: Readonly<Record<number, (x: never, y: never) => number>> = {
  [Tag.Unit]: () => 0,
  [Tag.Bool]: (x: boolean, y: boolean) => Number(x) - Number(y),
  [Tag.Int]: (x: number, y: number) => number(x, y),
  [Tag.Float]: (x: Float, y: Float) => number(x.n, y.n),
  [Tag.Char]: (x: Char, y: Char) => x.codePoint - y.codePoint,
  [Tag.String]: (x: string, y: string) => compareText(x, y),
  [Tag.Timestamp]: (x: Timestamp, y: Timestamp) => (x.nanos < y.nanos ? -1 : x.nanos > y.nanos ? 1 : 0),
};

interface Boxed {
  readonly value: Value;
}

/** The comparator gives an INT, or a bool for "comes first"; anything else counts as equal. Its errors are raised. */
function by(items: readonly Value[], f: Fn, caller: string): Value[] {
  const callback = new Callback(f, caller, comparing);
  const compare = (x: Boxed, y: Boxed): number => {
    const result = callback.call([share(x.value), share(y.value)], undefined, undefined);
    if (typeof result === "number" || typeof result === "bigint") return Number(result);
    return typeof result === "boolean" ? (result ? -1 : 1) : 0;
  };
  // Boxed, because JavaScript sorts `undefined` to the end without asking.
  return items
    .map((value): Boxed => ({ value }))
    .sort(compare)
    .map((boxed) => boxed.value);
}
