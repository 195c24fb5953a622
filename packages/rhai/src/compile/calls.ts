import type { Call, Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { Effect, type Native, type SignatureKey } from "../host/natives.ts";
import { type Site, vm } from "../run/vm.ts";
import { MAX_SAFE } from "../values/int.ts";
import { tagOf, type Value } from "../values/value.ts";
import { callNative, findNative, notFound } from "./call-by-name.ts";
import { compileCallerScopeCall } from "./caller-scope.ts";
import { cellAt, type Exec, type Frame, UNBOUND } from "./exec.ts";
import { compileBorrowed, compileExpr } from "./expressions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { enterOrFail, invoke, leaveCall } from "./invoke.ts";
import { compileModuleCall } from "./modules.ts";
import { localSlot } from "./operand.ts";
import { unshareOwn } from "./own.ts";
import { compilePseudoFunction } from "./pseudo-functions.ts";
import type { ScriptFunction } from "./unit.ts";

/** `name(args)`. */
export function compileCall(s: FunctionScope, call: Call): Exec {
  if (call.path.length > 0) return compileModuleCall(s, call);
  const site = s.site(call.pos, call.nameEnd);
  if (call.capture) return compileCallerScopeCall(s, call, site);
  const pseudo = compilePseudoFunction(s, call, site);
  if (pseudo !== null) return pseudo;
  const own = s.unit.find(call.name, call.args.length);
  if (own !== undefined) return compileOwnCall(s, call, own, site);
  return compileNativeCall(s, call, site);
}

/** The first argument, when it is a bare variable, is read after the others (spec 5.3). */
export function readsFirstLate(args: readonly Expr[]): boolean {
  const first = args[0];
  if (first === undefined || args.length < 2) return false;
  const { kind } = unparen(first);
  return kind === "Variable" || kind === "This";
}

const U = undefined;

/** A call of a script function of this unit: the hottest path there is. */
function compileOwnCall(s: FunctionScope, call: Call, fn: ScriptFunction, site: Site): Exec {
  const args = call.args.map((arg) => compileExpr(s, arg));
  const late = readsFirstLate(call.args);
  const [first, second, third] = args;
  switch (args.length) {
    case 0:
      return (f) => enter(fn, freshFrame(fn.size, U), site, f);
    case 1: {
      const step = stepOf(s, call.args[0]!);
      if (step !== null) return compileStepCall(fn, step.slot, step.by, first!, site);
      return (f) => {
        const a = first!(f);
        if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
        const { size } = fn;
        const frame: Frame =
          size <= 2
            ? [a, UNBOUND]
            : size <= 4
              ? [a, UNBOUND, U, U]
              : size <= 8
                ? [a, UNBOUND, U, U, U, U, U, U]
                : bigFrame([a, UNBOUND], size);
        let result: Value;
        try {
          result = fn.body(frame);
        } catch (error) {
          throw leaveCall(error, fn, site);
        }
        vm.depth--;
        return result;
      };
    }
    case 2:
      return (f) => {
        let a = late ? U : first!(f);
        const b = second!(f);
        if (late) a = first!(f);
        if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
        const { size } = fn;
        const frame: Frame =
          size <= 4 ? [a, b, UNBOUND, U] : size <= 8 ? [a, b, UNBOUND, U, U, U, U, U] : bigFrame([a, b, UNBOUND], size);
        let result: Value;
        try {
          result = fn.body(frame);
        } catch (error) {
          throw leaveCall(error, fn, site);
        }
        vm.depth--;
        return result;
      };
    case 3:
      return (f) => {
        let a = late ? U : first!(f);
        const b = second!(f);
        const c = third!(f);
        if (late) a = first!(f);
        if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
        const { size } = fn;
        const frame: Frame = size <= 8 ? [a, b, c, UNBOUND, U, U, U, U] : bigFrame([a, b, c, UNBOUND], size);
        let result: Value;
        try {
          result = fn.body(frame);
        } catch (error) {
          throw leaveCall(error, fn, site);
        }
        vm.depth--;
        return result;
      };
    default:
      return (f) => invoke(fn, evaluate(args, late, f), UNBOUND, site);
  }
}

/** `f(n - 1)`: the argument of most recursions is worked out in place. */
function compileStepCall(fn: ScriptFunction, slot: number, by: number, general: Exec, site: Site): Exec {
  return (f) => {
    const n = f[slot];
    const sum = typeof n === "number" ? n + by : Number.NaN;
    const a = sum <= MAX_SAFE && sum >= -MAX_SAFE ? sum : general(f);
    if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
    const { size } = fn;
    const frame: Frame =
      size <= 2
        ? [a, UNBOUND]
        : size <= 4
          ? [a, UNBOUND, U, U]
          : size <= 8
            ? [a, UNBOUND, U, U, U, U, U, U]
            : bigFrame([a, UNBOUND], size);
    let result: Value;
    try {
      result = fn.body(frame);
    } catch (error) {
      throw leaveCall(error, fn, site);
    }
    vm.depth--;
    return result;
  };
}

/** A local variable plus or minus a constant. */
function stepOf(s: FunctionScope, outer: Expr): { readonly slot: number; readonly by: number } | null {
  const expr = unparen(outer);
  if (expr.kind !== "Binary" || (expr.op !== "+" && expr.op !== "-")) return null;
  const slot = localSlot(s, expr.left);
  const constant = constantOf(s, expr.right);
  if (slot < 0 || constant === null || typeof constant.value !== "number") return null;
  return { slot, by: expr.op === "+" ? constant.value : -constant.value };
}

function enter(fn: ScriptFunction, frame: Frame, site: Site, _caller: Frame): Value {
  frame[0] = UNBOUND;
  if (++vm.depth > vm.maxDepth || --vm.fuel < 0) enterOrFail(site);
  let result: Value;
  try {
    result = fn.body(frame);
  } catch (error) {
    throw leaveCall(error, fn, site);
  }
  vm.depth--;
  return result;
}

function freshFrame(size: number, first: Value): Frame {
  return size <= 4 ? [first, U, U, U] : size <= 8 ? [first, U, U, U, U, U, U, U] : bigFrame([first], size);
}

function bigFrame(frame: Frame, size: number): Frame {
  while (frame.length < size) frame.push(U);
  return frame;
}

export function evaluate(args: readonly Exec[], late: boolean, f: Frame): Value[] {
  const values: Value[] = [];
  if (!late) {
    for (let i = 0; i < args.length; i++) values.push(args[i]!(f));
    return values;
  }
  values.push(U);
  for (let i = 1; i < args.length; i++) values.push(args[i]!(f));
  values[0] = args[0]!(f);
  return values;
}

/**
 * A call of something the unit does not define: a function of the main script (from a module) or a native one. When
 * the first argument is a plain variable, a mutating native changes that variable.
 */
function compileNativeCall(s: FunctionScope, call: Call, site: Site): Exec {
  const { unit } = s;
  const { name } = call;
  const late = readsFirstLate(call.args);
  const slot = call.args.length > 0 ? localSlot(s, call.args[0]!) : -1;
  const target = call.args.length > 0 ? unparen(call.args[0]!) : null;
  const variable = target?.kind === "Variable" && target.path.length === 0 ? s.find(target.name) : null;
  const canMutate = variable !== null && !variable.isConstant && variable.literal === null;
  const isThis = target?.kind === "This";
  const args = call.args.map((arg, i) =>
    i === 0 && (slot >= 0 || isThis || variable !== null) ? compileBorrowed(s, arg) : compileExpr(s, arg),
  );
  let cachedKey: SignatureKey = -1;
  let cached: Native | null = null;
  let cachedRun = vm.run;
  return (f) => {
    const values = evaluate(args, late, f);
    if (unit !== vm.run.main.unit) {
      const fromMain = vm.run.main.unit.find(name, values.length);
      if (fromMain !== undefined) return invoke(fromMain, values, UNBOUND, site);
    }
    const key = keyOf(values);
    if (key !== cachedKey || cachedRun !== vm.run || cached === null) {
      const native = findNative(name, values);
      if (native === null) throw notFound(unit, name, values, site);
      cached = native;
      cachedKey = key;
      cachedRun = vm.run;
    }
    const native = cached;
    if (native.effect === Effect.None) return callNative(native, values, site);
    const cell = variable?.isCell === true ? cellAt(f, variable.slot) : null;
    const place = isThis ? s.thisSlot : canMutate && cell === null ? variable.slot : -1;
    if (place >= 0 || (cell !== null && !cell.shared && !cell.readOnly && canMutate)) {
      const before = values[0];
      values[0] = native.effect === Effect.Visits ? before : unshareOwn(before);
      if (values[0] !== before) store(f, place, cell, values[0]);
      const result = callNative(native, values, site);
      if (native.effect !== Effect.InPlace && vm.receiver !== values[0]) store(f, place, cell, vm.receiver);
      return result;
    }
    values[0] = copyForWriting(values[0]);
    return callNative(native, values, site);
  };
}

function store(f: Frame, slot: number, cell: { value: Value } | null, value: Value): void {
  if (cell !== null) cell.value = value;
  else f[slot] = value;
}

/** A constant or shared variable in function style: the native works on a copy. */
function copyForWriting(value: Value): Value {
  if (typeof value === "object" && "shared" in value) {
    value.shared = true;
    return unshareOwn(value);
  }
  return value;
}

function keyOf(values: readonly Value[]): SignatureKey {
  switch (values.length) {
    case 0:
      return 0;
    case 1:
      return tagOf(values[0]);
    case 2:
      return tagOf(values[0]) + 256 * tagOf(values[1]);
    default: {
      let key = 0;
      for (let i = values.length - 1; i >= 0; i--) key = key * 256 + tagOf(values[i]);
      return key;
    }
  }
}
