import type { Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";

/** True for expressions made of literals only: what the reference treats as constants. */
export function isConstantExpr(outer: Expr): boolean {
  const expr = unparen(outer);
  switch (expr.kind) {
    case "Literal":
      return true;
    case "Array":
      return expr.items.every(isConstantExpr);
    case "Map":
      return expr.entries.every((entry) => isConstantExpr(entry.value));
    default:
      return false;
  }
}

/** What a switch label is; null when it is not a literal. */
export function constantKind(outer: Expr): "range" | "number" | "other" | null {
  const expr = unparen(outer);
  if (expr.kind === "Literal") return expr.type === "int" || expr.type === "float" ? "number" : "other";
  if (expr.kind === "Binary" && (expr.op === ".." || expr.op === "..=")) {
    const left = unparen(expr.left);
    const right = unparen(expr.right);
    const isInt = (side: Expr) => side.kind === "Literal" && side.type === "int";
    return isInt(left) && isInt(right) ? "range" : null;
  }
  return isConstantExpr(expr) ? "other" : null;
}
