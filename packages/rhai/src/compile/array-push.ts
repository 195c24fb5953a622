import type { Index, Member, MethodCall } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { LARGEST_ARRAY } from "../run/sizes.ts";
import { type Run, vm } from "../run/vm.ts";
import { RhaiArray } from "../values/array.ts";
import type { Value } from "../values/value.ts";
import type { Exec, Frame } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import type { FunctionScope } from "./function-scope.ts";
import { localSlot } from "./operand.ts";
import type { Unit } from "./unit.ts";

/**
 * `list.push(x)` on a plain local variable: how scripts build lists. `general` calls the method in the usual way, with
 * the argument that was worked out already. Null for other shapes.
 */
export function compilePush(
  s: FunctionScope,
  expr: Member | MethodCall | Index,
  general: (f: Frame, value: Value) => Value,
): Exec | null {
  if (expr.kind !== "MethodCall" || expr.name !== "push" || expr.args.length !== 1 || expr.optional) return null;
  const object = unparen(expr.object);
  const slot = localSlot(s, object);
  if (slot < 0 || object.kind !== "Variable" || s.find(object.name)!.isConstant) return null;
  const { unit } = s;
  if (isScripted(unit)) return null;
  const argument = compileExpr(s, expr.args[0]!);
  let knownRun: Run | null = null;
  let isStandard = false;
  return (f) => {
    const value = argument(f);
    const list = f[slot];
    if (knownRun !== vm.run) {
      knownRun = vm.run;
      isStandard = !isScripted(knownRun.main.unit) && !knownRun.natives.redefines("push", 2);
    }
    if (isStandard && list instanceof RhaiArray && !list.shared && vm.arraySize === 0) {
      const { items } = list;
      if (items.length < LARGEST_ARRAY && (typeof value !== "object" || hasNoSizes())) {
        items.push(value);
        return undefined;
      }
    }
    return general(f, value);
  };
}

/** The script has a function of its own that could answer. */
function isScripted(unit: Unit): boolean {
  return unit.find("push", 1) !== undefined || unit.findMethods("push", 1) !== undefined;
}

function hasNoSizes(): boolean {
  return vm.mapSize === 0 && vm.stringSize === 0;
}
