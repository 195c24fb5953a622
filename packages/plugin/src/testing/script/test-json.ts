import { RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";
import { valueToJson } from "../../values/to-json.ts";
import type { Matchers } from "./matchers.ts";

/** JSON text of what a test says to its host: as `valueToJson`, and a matcher is `{"$matcher": …}`. */
export function testJson(value: Value, matchers: Matchers): string {
  const matcher = matchers.unwrap(value);
  if (matcher) return JSON.stringify({ $matcher: matcher });
  if (value instanceof RhaiArray) return `[${value.items.map((item) => testJson(item, matchers)).join(",")}]`;
  if (!(value instanceof RhaiMap)) return valueToJson(value);
  const entries = value.keys().map((key) => `${JSON.stringify(key)}:${testJson(value.get(key), matchers)}`);
  return `{${entries.join(",")}}`;
}
