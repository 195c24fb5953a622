import { sameValue } from "../ops/compare.ts";
import { vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import { share, unshare } from "../values/copy.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import type { Int } from "../values/int.ts";
import { newItems } from "../values/items.ts";
import type { Value } from "../values/value.ts";
import { indexOf, startOf } from "./arrays.ts";
import { Callback, comparing, inPlace, pairing, perElement, reducing } from "./callback.ts";
import type { Library } from "./library.ts";

type Fn = FnPtr | string;

/** `map`, `filter`, `reduce` and their like (spec 15.5, 15.7). Callbacks may change the element through `this`. */
export function addArrayCallbacks(library: Library): void {
  library
    .visitor("map", "aF as", (a: RhaiArray, f: Fn) => {
      const mapped = newItems();
      each(a, new Callback(f, "map", perElement), (result) => {
        mapped.push(result);
        return true;
      });
      return new RhaiArray(mapped);
    })
    .visitor("filter", "aF as", (a: RhaiArray, f: Fn) => {
      const kept = newItems();
      each(a, new Callback(f, "filter", perElement), (result, item) => {
        if (result === true) kept.push(typeof item === "object" ? share(item) : item);
        return true;
      });
      return new RhaiArray(kept);
    })
    .mutator("for_each", "aF", (a: RhaiArray, f: Fn) => {
      const callback = new Callback(f, "for_each", inPlace);
      for (let i = 0; i < a.items.length; i++) {
        const item = a.items[i];
        try {
          callback.call([], item, i);
        } finally {
          if (callback.element !== item) a.items[i] = callback.element;
        }
      }
      return undefined;
    })
    .visitor("some", "aF as", (a: RhaiArray, f: Fn) => search(a, f, "some", 0) >= 0)
    .visitor("all", "aF as", (a: RhaiArray, f: Fn) => {
      let all = true;
      each(a, new Callback(f, "all", perElement), (result) => (all = result === true));
      return all;
    })
    .visitor("index_of", "aF", (a: RhaiArray, f: Fn) => search(a, f, "index_of", 0))
    .visitor("index_of", "aFi", (a: RhaiArray, f: Fn, start: Int) =>
      search(a, f, "index_of", startOf(start, a.items.length)),
    )
    .fn("index_of", "as", (a: RhaiArray, text: string) => byNameOrValue(a, text, 0))
    .fn("index_of", "asi", (a: RhaiArray, text: string, start: Int) =>
      byNameOrValue(a, text, startOf(start, a.items.length)),
    )
    .visitor("find", "aF", (a: RhaiArray, f: Fn) => element(a, search(a, f, "find", 0)))
    .visitor("find", "aFi", (a: RhaiArray, f: Fn, start: Int) =>
      element(a, search(a, f, "find", startOf(start, a.items.length))),
    )
    .visitor("find_map", "aF", (a: RhaiArray, f: Fn) => findMap(a, f, 0))
    .visitor("find_map", "aFi", (a: RhaiArray, f: Fn, start: Int) => findMap(a, f, startOf(start, a.items.length)))
    .visitor("reduce", "aF as", (a: RhaiArray, f: Fn) => reduce(a, f, undefined, "reduce"))
    .visitor("reduce", "aF* as*", (a: RhaiArray, f: Fn, init: Value) => reduce(a, f, init, "reduce"))
    .visitor("reduce_rev", "aF as", (a: RhaiArray, f: Fn) => reduce(a, f, undefined, "reduce_rev"))
    .visitor("reduce_rev", "aF* as*", (a: RhaiArray, f: Fn, init: Value) => reduce(a, f, init, "reduce_rev"))
    .fn("zip", "aaF", (a: RhaiArray, b: RhaiArray, f: Fn) => {
      const callback = new Callback(f, "zip", pairing);
      const length = Math.min(a.items.length, b.items.length);
      const zipped = newItems();
      for (let i = 0; i < length; i++) zipped.push(callback.call([share(a.items[i]), share(b.items[i])], undefined, i));
      return new RhaiArray(zipped);
    })
    .mutator("drain", "aF as", (a: RhaiArray, f: Fn) => divide(a, f, "drain", true))
    .mutator("retain", "aF as", (a: RhaiArray, f: Fn) => divide(a, f, "retain", false))
    .mutator("dedup", "a", (a: RhaiArray) => dedup(a, sameValue))
    .mutator("dedup", "aF as", (a: RhaiArray, f: Fn) => {
      const callback = new Callback(f, "dedup", comparing);
      return dedup(a, (x, y) => callback.call([share(x), share(y)], undefined, undefined) === true);
    });
}

/** Calls for every element until `take` says false; elements changed through `this` are put back into the receiver. */
function each(a: RhaiArray, callback: Callback, take: (result: Value, item: Value) => boolean, from = 0): void {
  const { length } = a.items;
  if (!callback.bindsElement) {
    for (let i = from; i < length && i < a.items.length; i++) {
      const item = a.items[i];
      if (!take(callback.each(item, i), item)) return;
    }
    return;
  }
  let own = a;
  for (let i = from; i < length && i < own.items.length; i++) {
    const item = own.items[i];
    let result: Value;
    try {
      result = callback.each(item, i);
    } finally {
      if (callback.element !== item) {
        if (own.shared) {
          own = unshare(own);
          vm.receiver = own;
        }
        own.items[i] = callback.element;
      }
    }
    if (!take(result, item)) return;
  }
}

function search(a: RhaiArray, f: Fn, caller: string, from: number): number {
  let found = -1;
  let i = from;
  each(
    a,
    new Callback(f, caller, perElement),
    (result) => {
      if (result === true) found = i;
      i++;
      return found < 0;
    },
    from,
  );
  return found;
}

function element(a: RhaiArray, i: number): Value {
  return i < 0 ? undefined : share(a.items[i]);
}

function findMap(a: RhaiArray, f: Fn, from: number): Value {
  let found: Value;
  each(
    a,
    new Callback(f, "find_map", perElement),
    (result) => {
      found = result;
      return result === undefined;
    },
    from,
  );
  return found;
}

/** A string is the name of a function if there is such a function, otherwise a value to look for. */
function byNameOrValue(a: RhaiArray, text: string, from: number): Value {
  const { unit } = vm.run.main;
  if (unit.find(text, 1) !== undefined || unit.find(text, 2) !== undefined) return search(a, text, "index_of", from);
  return indexOf(a, text, from);
}

function reduce(a: RhaiArray, f: Fn, init: Value, caller: "reduce" | "reduce_rev"): Value {
  const callback = new Callback(f, caller, reducing);
  const { items } = a;
  let result = init;
  if (caller === "reduce") for (let i = 0; i < items.length; i++) result = callback.reduce(result, items[i], i);
  else for (let i = items.length - 1; i >= 0; i--) result = callback.reduce(result, items[i], i);
  return result;
}

/** Moves the elements for which the callback is (or is not) true into a new array; nothing changes when it fails. */
function divide(a: RhaiArray, f: Fn, caller: string, taken: boolean): Value {
  const callback = new Callback(f, caller, perElement);
  const kept = newItems();
  const removed = newItems();
  const items = a.items.slice();
  items.forEach((item, i) => {
    const isTaken = (callback.each(item, i) === true) === taken;
    (isTaken ? removed : kept).push(callback.element);
  });
  a.items = kept;
  return new RhaiArray(removed);
}

/** Removes elements that equal the one before, keeping the first. */
function dedup(a: RhaiArray, equal: (x: Value, y: Value) => boolean): undefined {
  const kept = newItems();
  for (const item of a.items) if (kept.length === 0 || !equal(kept[kept.length - 1], item)) kept.push(item);
  a.items = kept;
  return undefined;
}
