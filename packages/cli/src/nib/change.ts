import { jsonValue, type Output } from "../output/output.ts";

/** One field that a push changes; `from` is null when it was not there. */
export interface Change {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Compares two values of JSON, field by field; arrays of things with a key are compared by key, not by place. */
export function changes(from: unknown, to: unknown, path = ""): Change[] {
  if (Object.is(from, to)) return [];
  if (isPlain(from) && isPlain(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return names.flatMap((name) => changes(from[name] ?? null, to[name] ?? null, path ? `${path}.${name}` : name));
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const keyed = byKey(from);
    const wanted = byKey(to);
    if (keyed && wanted) {
      const names = [...new Set([...keyed.keys(), ...wanted.keys()])].sort();
      return names.flatMap((name) => changes(keyed.get(name) ?? null, wanted.get(name) ?? null, `${path}[${name}]`));
    }
    if (JSON.stringify(from, jsonValue) === JSON.stringify(to, jsonValue)) return [];
  }
  return [{ path, from, to }];
}

/** `min_cpu: 8 → 12`, one line each. */
export function printChanges(out: Output, list: readonly Change[]): void {
  for (const { path, from, to } of list) {
    out.line(`  ${path}: ${out.paint("red", show(from))} → ${out.paint("green", show(to))}`);
  }
}

function show(value: unknown): string {
  return value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value, jsonValue);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function byKey(list: readonly unknown[]): Map<string, unknown> | undefined {
  const entries = list.map((item) => [isPlain(item) ? item["key"] : undefined, item] as const);
  return entries.every((entry): entry is readonly [string, unknown] => typeof entry[0] === "string")
    ? new Map(entries)
    : undefined;
}
