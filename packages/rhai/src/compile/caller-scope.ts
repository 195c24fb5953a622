import type { Call, FunctionDefinition } from "../ast/node.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { type Site, vm } from "../run/vm.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";
import { evaluate, readsFirstLate } from "./calls.ts";
import { dynamicCount, forgetDynamic } from "./dynamic-variables.ts";
import { type Exec, failAt, UNBOUND } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import { FunctionScope } from "./function-scope.ts";
import { finish } from "./functions.ts";
import { callPointer, enterOrFail, leaveCall } from "./invoke.ts";
import { compileBody } from "./statements.ts";
import type { ScriptFunction } from "./unit.ts";

/** `f!(args)`: the body of the script function, compiled into the caller's scope when first called. */
export function compileCallerScopeCall(s: FunctionScope, call: Call, site: Site): Exec {
  const args = call.args.map((arg) => compileExpr(s, arg));
  const late = readsFirstLate(call.args);
  const own = s.unit.find(call.name, call.args.length);
  const { unit } = s;
  const visible = s.variables.slice();
  const bodies = new Map<ScriptFunction, { readonly exec: Exec; readonly first: number }>();
  const bodyOf = (fn: ScriptFunction) => {
    const known = bodies.get(fn);
    if (known !== undefined) return known;
    const scope = new FunctionScope(unit, unit.source, s.captured, s.size, s.thisSlot, s.isTopLevel);
    scope.variables = visible.slice();
    scope.isDynamic = true;
    const first = scope.nextSlot;
    for (const param of fn.node.params) scope.declare(param.name, false, false);
    const body = { exec: finish(compileBody(scope, (fn.node as FunctionDefinition).body.body), scope), first };
    bodies.set(fn, body);
    return body;
  };
  return (f) => {
    let values = evaluate(args, late, f);
    let fn = own;
    // `call!(pointer, …)` runs what the pointer names.
    const [pointer] = values;
    if (call.name === "call" && pointer instanceof FnPtr) {
      values = [...(pointer.curried as Value[]), ...values.slice(1)];
      fn = unit.find(pointer.name, values.length);
      if (fn === undefined) return callPointer(pointer, values.slice(pointer.curried.length), UNBOUND, site);
    }
    if (fn === undefined) throw failAt(functionNotFound(call.name, values), site);
    const { exec, first } = bodyOf(fn);
    if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
    const count = dynamicCount(f);
    values.forEach((value, i) => {
      f[first + i] = value;
    });
    try {
      const result = exec(f);
      vm.depth--;
      return result;
    } catch (error) {
      throw error instanceof RhaiError ? leaveCall(error, fn, site) : error;
    } finally {
      forgetDynamic(f, count);
    }
  };
}
