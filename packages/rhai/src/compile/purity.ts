import type { Expr, Statement } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";

/** What the reference's optimiser takes for free of effects, and drops when nobody uses the value (spec 19). */
export function isPure(s: FunctionScope, statement: Statement): boolean {
  switch (statement.kind) {
    case "Empty":
    case "Function":
      return true;
    case "Expression":
      return isPureExpr(s, statement.expr);
    case "Block":
      return statement.body.every((inner) => isPure(s, inner));
    case "If":
      return (
        isPureExpr(s, statement.condition) &&
        isPure(s, statement.then) &&
        (statement.otherwise === null || isPure(s, statement.otherwise))
      );
    case "Try":
      return isPure(s, statement.body);
    default:
      return false;
  }
}

function isPureExpr(s: FunctionScope, outer: Expr): boolean {
  const expr = unparen(outer);
  switch (expr.kind) {
    case "Literal":
      return true;
    case "Variable":
      return true;
    case "Array":
      return expr.items.every((item) => isPureExpr(s, item));
    case "Map":
      return expr.entries.every((entry) => isPureExpr(s, entry.value));
    case "Logical":
      return isPureExpr(s, expr.left) && isPureExpr(s, expr.right);
    case "StatementExpr":
      return isPure(s, expr.statement);
    case "InterpolatedString":
      return expr.blocks.every((block) => isPure(s, block));
    default:
      return constantOf(s, expr) !== null;
  }
}
