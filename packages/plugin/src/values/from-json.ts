import { Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";

/** A script value for plain data: null and undefined become `()`, whole numbers INT, others FLOAT, objects MAP. */
export function valueFromJson(data: unknown): Value {
  if (data === null || data === undefined) return undefined;
  if (typeof data === "string" || typeof data === "boolean" || typeof data === "bigint") return data;
  if (typeof data === "number") return Number.isSafeInteger(data) ? data + 0 : new Float(data);
  if (Array.isArray(data)) return new RhaiArray(data.map(valueFromJson));
  return RhaiMap.fromEntries(Object.entries(data).map(([key, value]) => [key, valueFromJson(value)]));
}
