import { Char, Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";
import { accepts, matcherText } from "../matcher.ts";
import type { Matchers } from "./matchers.ts";
import { testJson } from "./test-json.ts";

/** How a value may differ from what is expected: not at all, or by keys of its outermost MAP that the expectation does not name. */
export type Exactness = "exact" | "partial";

/** Where and how `actual` is not what is `expected`, in which matchers may stand for texts; undefined: it is. Numbers count by value. */
export function difference(
  matchers: Matchers,
  expected: Value,
  actual: Value,
  exactness: Exactness = "exact",
  path = "",
): string | undefined {
  const shown = (value: Value): string => testText(matchers, value);
  const differs = `${path === "" ? "" : `${path}: `}expected ${shown(expected)}, got ${shown(actual)}`;
  const matcher = matchers.unwrap(expected);
  if (matcher) return typeof actual === "string" && accepts(matcher, actual) ? undefined : differs;
  if (expected instanceof RhaiMap && actual instanceof RhaiMap) {
    const missing = expected.keys().find((key) => !actual.has(key));
    if (missing !== undefined)
      return `${keyed(path, missing)}: expected ${shown(expected.get(missing))}, but there is none`;
    const extra = exactness === "exact" ? actual.keys().find((key) => !expected.has(key)) : undefined;
    if (extra !== undefined) return `${keyed(path, extra)}: not expected, but there is ${shown(actual.get(extra))}`;
    return first(expected.keys(), (key) =>
      difference(matchers, expected.get(key), actual.get(key), "exact", keyed(path, key)),
    );
  }
  if (expected instanceof RhaiArray && actual instanceof RhaiArray) {
    if (expected.items.length !== actual.items.length) return differs;
    return first([...expected.items.keys()], (index) =>
      difference(matchers, expected.items[index], actual.items[index], "exact", `${path}[${index}]`),
    );
  }
  return plain(expected) === plain(actual) && isPlain(expected) === isPlain(actual) ? undefined : differs;
}

/** As a message shows a value. */
export function testText(matchers: Matchers, value: Value): string {
  const matcher = matchers.unwrap(value);
  if (matcher) return matcherText(matcher);
  return value === undefined ? "()" : testJson(value, matchers);
}

function first<T>(items: readonly T[], look: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const keyed = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

const isPlain = (value: Value): boolean => !(value instanceof RhaiMap || value instanceof RhaiArray);

function plain(value: Value): unknown {
  if (value instanceof Float) return value.n;
  return value instanceof Char ? value.text : value;
}
