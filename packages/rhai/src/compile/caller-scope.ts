import type { Call } from "../ast/node.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { type Site, vm } from "../run/vm.ts";
import { evaluate, readsFirstLate } from "./calls.ts";
import { dynamicCount, forgetDynamic } from "./dynamic-variables.ts";
import { type Exec, failAt } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import { FunctionScope } from "./function-scope.ts";
import { finish } from "./functions.ts";
import { enterOrFail, leaveCall } from "./invoke.ts";
import { compileBody } from "./statements.ts";

/** `f!(args)`: the body of the script function, compiled into the caller's scope when first called. */
export function compileCallerScopeCall(s: FunctionScope, call: Call, site: Site): Exec {
  const args = call.args.map((arg) => compileExpr(s, arg));
  const late = readsFirstLate(call.args);
  const fn = s.unit.find(call.name, call.args.length);
  const { unit } = s;
  const visible = s.variables.slice();
  let body: Exec | null = null;
  let first = 0;
  return (f) => {
    const values = evaluate(args, late, f);
    if (fn === undefined || fn.node.kind !== "Function") throw failAt(functionNotFound(call.name, values), site);
    if (body === null) {
      const scope = new FunctionScope(unit, unit.source, s.captured, s.size, s.thisSlot, s.isTopLevel);
      scope.variables = visible.slice();
      scope.isDynamic = true;
      first = scope.nextSlot;
      for (const param of fn.node.params) scope.declare(param.name, false, false);
      body = finish(compileBody(scope, fn.node.body.body), scope);
    }
    if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
    const count = dynamicCount(f);
    values.forEach((value, i) => {
      f[first + i] = value;
    });
    try {
      const result = body(f);
      vm.depth--;
      return result;
    } catch (error) {
      throw error instanceof RhaiError ? leaveCall(error, fn, site) : error;
    } finally {
      forgetDynamic(f, count);
    }
  };
}
