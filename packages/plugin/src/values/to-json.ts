import { Char, Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";

/** JSON text of a script value: MAP keys in order, CHAR as a string, anything JSON cannot hold as null. */
export function valueToJson(value: Value): string {
  if (value === undefined) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Float) return floatText(value.n);
  if (value instanceof Char) return JSON.stringify(value.text);
  if (value instanceof RhaiArray) return `[${value.items.map(valueToJson).join(",")}]`;
  if (value instanceof RhaiMap) {
    return `{${value
      .keys()
      .map((key) => `${JSON.stringify(key)}:${valueToJson(value.get(key))}`)
      .join(",")}}`;
  }
  return "null";
}

/** A FLOAT stays one: `1.0`, not `1`. */
function floatText(n: number): string {
  if (!Number.isFinite(n)) return "null";
  return Number.isInteger(n) && Math.abs(n) < 1e16 ? n.toFixed(1) : String(n);
}
