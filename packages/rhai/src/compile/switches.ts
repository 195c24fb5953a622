import type { Expr, Literal, SwitchStatement } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Char } from "../values/char.ts";
import { Float } from "../values/float.ts";
import type { Int } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { Range } from "../values/range.ts";
import { untag } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";
import type { Exec, Frame } from "./exec.ts";
import { compileBorrowed, compileCondition } from "./expressions.ts";
import { deepConstantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { compileStatement } from "./statements.ts";

interface Arm {
  readonly guard: Exec | null;
  readonly body: Exec;
}

/**
 * `switch` (spec 6.3): first the arms whose literal is exactly the value, in source order, then ranges, then `_`.
 * An arm whose guard is false is passed over.
 */
export function compileSwitch(s: FunctionScope, node: SwitchStatement): Exec {
  const subject = compileBorrowed(s, node.subject);
  const exact = new Map<unknown, Arm[]>();
  const structural: { readonly value: Value; readonly arm: Arm }[] = [];
  const ranges: { readonly range: Range; readonly arm: Arm }[] = [];
  let otherwise: Exec | null = null;
  for (const node_ of node.arms) {
    const guard = node_.guard === null ? null : compileCondition(s, node_.guard);
    const body = s.scoped(() => compileStatement(s, node_.body));
    if (node_.labels.length === 0) otherwise = body;
    const arm = { guard, body };
    for (const label of node_.labels) {
      const value = labelValue(s, label);
      if (value instanceof Range) ranges.push({ range: value, arm });
      else if (isStructural(value)) structural.push({ value, arm });
      const key = keyOf(value);
      if (key === NO_KEY) continue;
      const arms = exact.get(key);
      if (arms === undefined) exact.set(key, [arm]);
      else arms.push(arm);
    }
  }
  const isPlain =
    structural.length === 0 &&
    ranges.length === 0 &&
    [...exact.values()].every((arms) => arms.length === 1 && arms[0]!.guard === null);
  if (isPlain) {
    const bodies = new Map([...exact].map(([key, arms]) => [key, arms[0]!.body]));
    return (f) => {
      const body = bodies.get(keyOf(subject(f))) ?? otherwise;
      return body === null ? undefined : body(f);
    };
  }
  return (f) => {
    const value = untag(subject(f));
    const arm =
      firstTrue(f, exact.get(keyOf(value)) ?? []) ??
      firstTrue(f, matching(structural, value)) ??
      firstTrue(f, containing(ranges, value));
    const body = arm?.body ?? otherwise;
    return body === null ? undefined : body(f);
  };
}

function firstTrue(f: Frame, arms: readonly Arm[]): Arm | undefined {
  return arms.find((arm) => arm.guard === null || arm.guard(f) === true);
}

function matching(structural: readonly { readonly value: Value; readonly arm: Arm }[], value: Value): Arm[] {
  if (!isStructural(value)) return [];
  return structural.filter((entry) => identical(entry.value, value)).map((entry) => entry.arm);
}

function containing(ranges: readonly { readonly range: Range; readonly arm: Arm }[], value: Value): Arm[] {
  const n = value instanceof Float ? value.n : value;
  if (typeof n !== "number" && typeof n !== "bigint") return [];
  return ranges
    .filter(({ range }) => n >= range.from && (range.inclusive ? n <= range.to : n < range.to))
    .map((entry) => entry.arm);
}

function labelValue(s: FunctionScope, outer: Expr): Value {
  const label = unparen(outer);
  if (label.kind === "Binary") {
    const bound = (side: Expr) => (unparen(side) as Literal).value as Int;
    return new Range(bound(label.left), bound(label.right), label.op === "..=");
  }
  return deepConstantOf(s, label)?.value;
}

const NO_KEY = Symbol("no key");

/** A key that is equal for values a label matches exactly; types never mix. */
function keyOf(outer: Value): unknown {
  const value = untag(outer);
  if (typeof value !== "object") return value;
  if (value instanceof Char) return `\u0000char ${value.codePoint}`;
  if (value instanceof Float) return `\u0000float ${value.n}`;
  if (value instanceof Range) return `\u0000range ${value.from} ${value.to} ${value.inclusive}`;
  return NO_KEY;
}

function isStructural(value: Value): boolean {
  return value instanceof RhaiArray || value instanceof RhaiMap || value instanceof Blob;
}

/** Equal without any conversion. */
function identical(a: Value, b: Value): boolean {
  if (a instanceof RhaiArray && b instanceof RhaiArray) {
    return a.items.length === b.items.length && a.items.every((item, i) => identical(item, b.items[i]));
  }
  if (a instanceof RhaiMap && b instanceof RhaiMap) {
    return a.size === b.size && a.keys().every((key) => b.has(key) && identical(a.get(key), b.get(key)));
  }
  if (a instanceof Blob && b instanceof Blob) {
    return a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  }
  const key = keyOf(a);
  return key !== NO_KEY && key === keyOf(b);
}
