import type { Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { binary, unary } from "../ops/arithmetic.ts";
import { RhaiArray } from "../values/array.ts";
import { Float } from "../values/float.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import type { FunctionScope } from "./function-scope.ts";

interface Constant {
  readonly value: Value;
}

/**
 * The value of an expression made of literals, constants with such values and number arithmetic; null when it is only
 * known at run time or would raise.
 */
export function constantOf(s: FunctionScope, outer: Expr): Constant | null {
  const expr = unparen(outer);
  switch (expr.kind) {
    case "Literal":
      return expr;
    case "Variable": {
      if (expr.path.length > 0 || s.isDynamic) return null;
      return s.find(expr.name)?.literal ?? null;
    }
    case "Unary": {
      const operand = constantOf(s, expr.operand);
      if (operand === null || !isNumber(operand.value)) return null;
      return attempt(() => unary(expr.op, operand.value));
    }
    case "Binary": {
      if (expr.op === "in" || expr.op === "!in" || expr.op === ".." || expr.op === "..=") return null;
      const left = constantOf(s, expr.left);
      if (left === null || !isNumber(left.value)) return null;
      const right = constantOf(s, expr.right);
      if (right === null || !isNumber(right.value)) return null;
      const { op } = expr;
      return attempt(() => binary(op, left.value, right.value));
    }
    default:
      return null;
  }
}

function isNumber(value: Value): boolean {
  return typeof value === "number" || typeof value === "bigint" || value instanceof Float;
}

function attempt(calculate: () => Value): Constant | null {
  try {
    return { value: calculate() };
  } catch (error) {
    if (error instanceof RhaiError) return null;
    throw error;
  }
}

/** Like {@link constantOf}, with arrays and maps of constants: what a `const` may hold to be known when compiling. */
export function deepConstantOf(s: FunctionScope, outer: Expr): Constant | null {
  const expr = unparen(outer);
  if (expr.kind === "Array") {
    const items: Value[] = [];
    for (const item of expr.items) {
      const constant = deepConstantOf(s, item);
      if (constant === null) return null;
      items.push(constant.value);
    }
    return { value: frozen(new RhaiArray(items)) };
  }
  if (expr.kind === "Map") {
    const entries: [string, Value][] = [];
    for (const entry of expr.entries) {
      const constant = deepConstantOf(s, entry.value);
      if (constant === null) return null;
      entries.push([entry.key, constant.value]);
    }
    return { value: frozen(RhaiMap.fromEntries(entries)) };
  }
  return constantOf(s, expr);
}

/** Held by the code itself: whoever changes it takes a copy first. */
function frozen<T extends RhaiArray | RhaiMap>(container: T): T {
  container.shared = true;
  return container;
}
