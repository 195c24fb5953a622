import type { Binary } from "../ast/node.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { RhaiMap } from "../values/map.ts";
import { callByName } from "./call-by-name.ts";
import { type Exec, failAt } from "./exec.ts";
import { compileBorrowed, compileExpr } from "./expressions.ts";
import type { FunctionScope } from "./function-scope.ts";

/** `item in container` is `contains(container, item)`, the container evaluated first. */
export function compileIn(s: FunctionScope, expr: Binary): Exec {
  const site = s.site(expr.pos, expr.opEnd);
  const { unit } = s;
  const isOwn = unit.find("contains", 2) !== undefined;
  const container = isOwn ? compileExpr(s, expr.right) : compileBorrowed(s, expr.right);
  const item = isOwn ? compileExpr(s, expr.left) : compileBorrowed(s, expr.left);
  const negate = expr.op === "!in";
  return (f) => {
    const y = container(f);
    const x = item(f);
    if (!isOwn && y instanceof RhaiMap && typeof x === "string") return y.has(x) !== negate;
    const result = callByName(unit, "contains", [y, x], site);
    if (!negate) return result;
    if (typeof result === "boolean") return !result;
    throw failAt(functionNotFound("!", [result]), site);
  };
}
