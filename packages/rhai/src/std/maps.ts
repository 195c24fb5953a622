import { mixin } from "../ops/arithmetic.ts";
import { checkMapSize } from "../run/sizes.ts";
import { RhaiArray } from "../values/array.ts";
import { share } from "../values/copy.ts";
import type { FnPtr } from "../values/fn-pointer.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import { Callback, perEntry } from "./callback.ts";
import { toJson } from "./json-writer.ts";
import type { Library } from "./library.ts";

type Fn = FnPtr | string;

/** Object maps (spec 15.6). */
export function addMaps(library: Library): void {
  library
    .fn("len", "m", (m: RhaiMap) => m.size, "Number of entries.")
    .fn("is_empty", "m", (m: RhaiMap) => m.size === 0)
    .fn("contains", "ms", (m: RhaiMap, key: string) => m.has(key))
    .fn("get", "ms", (m: RhaiMap, key: string) => share(m.get(key)))
    .mutator("set", "ms*", (m: RhaiMap, key: string, value: Value) => {
      m.set(key, value);
      checkMapSize(m.size);
      return undefined;
    })
    .mutator("remove", "ms", (m: RhaiMap, key: string) => {
      const value = m.get(key);
      m.delete(key);
      return value;
    })
    .mutator("clear", "m", (m: RhaiMap) => {
      m.clear();
      return undefined;
    })
    .mutator("mixin", "mm", (m: RhaiMap, other: RhaiMap) => {
      mixin(m, other);
      return undefined;
    })
    .mutator("fill_with", "mm", (m: RhaiMap, other: RhaiMap) => {
      for (const key of other.keys()) if (!m.has(key)) m.set(key, share(other.get(key)));
      checkMapSize(m.size);
      return undefined;
    })
    .fn("keys", "m", (m: RhaiMap) => new RhaiArray(m.keys().slice()), "Keys in order.")
    .fn("values", "m", (m: RhaiMap) => new RhaiArray(m.keys().map((key) => share(m.get(key)))), "Values in key order.")
    .fn("map", "mF ms", (m: RhaiMap, f: Fn) => {
      const callback = new Callback(f, "map", perEntry);
      return RhaiMap.fromEntries(m.keys().map((key) => [key, callback.call([key], m.get(key), undefined)]));
    })
    .fn("filter", "mF ms", (m: RhaiMap, f: Fn) => {
      const callback = new Callback(f, "filter", perEntry);
      const kept = m.keys().filter((key) => callback.call([key], m.get(key), undefined) === true);
      return RhaiMap.fromEntries(kept.map((key) => [key, share(m.get(key))]));
    })
    .mutator("drain", "mF ms", (m: RhaiMap, f: Fn) => divide(m, f, "drain", true))
    .mutator("retain", "mF ms", (m: RhaiMap, f: Fn) => divide(m, f, "retain", false))
    .fn("to_json", "m", (m: RhaiMap) => toJson(m), "JSON text with keys in order.");
}

/** Moves the entries for which the callback is (or is not) true into a new map; nothing changes when it fails. */
function divide(m: RhaiMap, f: Fn, caller: string, taken: boolean): RhaiMap {
  const callback = new Callback(f, caller, perEntry);
  const moved = m.keys().filter((key) => (callback.call([key], m.get(key), undefined) === true) === taken);
  const removed = RhaiMap.fromEntries(moved.map((key) => [key, m.get(key)]));
  for (const key of moved) m.delete(key);
  return removed;
}
