import { Char, Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";
import type { ProtocolStatus } from "../status/protocol-status.ts";
import { valueToJson } from "../values/to-json.ts";
import { typeName } from "../values/type-name.ts";

/** A script returned something that does not fit. */
export class ResultError extends Error {}

function mismatch(value: Value, expected: string): never {
  throw new ResultError(`Output type incorrect: ${typeName(value)} (expecting ${expected})`);
}

/** The Target conversions of spec plugin-api.md §1 ("Do better"): a superset of what the reference accepts. */
export function toText(value: Value): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return String(value);
  if (value instanceof Char) return value.text;
  if (value instanceof Float || value instanceof RhaiArray || value instanceof RhaiMap) return valueToJson(value);
  return mismatch(value, "string");
}

export function toNumber(value: Value): number {
  return readNumber(value, "f64");
}

/** An INT, or a FLOAT without a fraction. */
export function toWhole(value: Value): number | bigint {
  const number = typeof value === "bigint" ? value : readNumber(value, "u64");
  if (typeof number === "number" && !Number.isInteger(number)) return mismatch(value, "i64");
  if (number < 0) throw new ResultError("out of range integral type conversion attempted");
  return number;
}

function readNumber(value: Value, type: "u64" | "f64"): number {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (value instanceof Float) return value.n;
  if (type === "f64" && typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)))
    return Number(value);
  return mismatch(value, type === "u64" ? "i64" : "f64");
}

export function toFlag(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  return mismatch(value, "bool");
}

const HEALTH = ["healthy", "neutral", "unhealthy"] as const;

/** A MAP with `state` and `health`; the text of the former `application_status()` counts as a neutral state. */
export function toStatus(value: Value): ProtocolStatus {
  if (typeof value === "string") return { state: value, health: "neutral" };
  if (!(value instanceof RhaiMap)) return mismatch(value, "map");
  const field = (name: string): string => {
    const text = value.get(name);
    if (!value.has(name)) throw new ResultError(`Syntax error: missing field \`${name}\``);
    return typeof text === "string" ? text : mismatch(text, "String");
  };
  const [health, state] = [field("health"), field("state")];
  const known = HEALTH.find((one) => one === health);
  if (known) return { state, health: known };
  throw new ResultError(
    `Syntax error: unknown variant \`${health}\`, expected one of ${HEALTH.map((one) => `\`${one}\``).join(", ")}`,
  );
}
