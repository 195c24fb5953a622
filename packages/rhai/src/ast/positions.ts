import type { Expr } from "./node.ts";

/** Expressions without the parentheses around them. */
export function unparen(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === "Paren") inner = inner.expr;
  return inner;
}

/** Where the reference says an expression is: the operator, the name of a called function, otherwise its start. */
export function errorOffset(expr: Expr): number {
  switch (expr.kind) {
    case "Paren":
      return errorOffset(expr.expr);
    case "Binary":
    case "Logical":
    case "Index":
      return expr.pos;
    case "Member":
    case "MethodCall":
      return expr.dotPos;
    case "Call":
    case "Variable":
      return expr.path[0]?.start ?? expr.pos;
    default:
      return expr.start;
  }
}

/** Where the reference says an expression begins: like {@link errorOffset}, but chains begin at their root. */
export function startOffset(expr: Expr): number {
  switch (expr.kind) {
    case "Paren":
      return startOffset(expr.expr);
    case "Logical":
      return startOffset(expr.left);
    case "Member":
    case "MethodCall":
    case "Index":
      return startOffset(expr.object);
    default:
      return errorOffset(expr);
  }
}
