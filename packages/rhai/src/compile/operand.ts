import type { Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import type { Exec } from "./exec.ts";
import { compileBorrowed } from "./expressions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";

/** An operand with what is known about it: a plain local variable or a small constant can be used without a call. */
export interface Operand {
  readonly exec: Exec;
  /** Slot of a plain local variable, or -1. */
  readonly slot: number;
  /** A constant safe INT, or null. */
  readonly constant: number | null;
}

export function operand(s: FunctionScope, expr: Expr): Operand {
  const constant = constantOf(s, expr);
  const value = constant !== null && typeof constant.value === "number" ? constant.value : null;
  return { exec: compileBorrowed(s, expr), slot: localSlot(s, expr), constant: value };
}

/** Slot of an expression that is a plain local variable, or -1. */
export function localSlot(s: FunctionScope, outer: Expr): number {
  const expr = unparen(outer);
  if (expr.kind !== "Variable" || expr.path.length > 0 || s.isDynamic) return -1;
  const variable = s.find(expr.name);
  return variable === null || variable.isCell || variable.literal !== null ? -1 : variable.slot;
}
