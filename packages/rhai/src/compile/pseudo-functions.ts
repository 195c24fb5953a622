import type { Call } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { mismatch } from "../errors/throwing.ts";
import { invalidFunctionName } from "../lex/function-name.ts";
import { pseudoFunctions } from "../lex/token.ts";
import { type Site, vm } from "../run/vm.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import { untag } from "../values/tagged.ts";
import { typeNameOf } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";
import { dynamicVariable } from "./dynamic-variables.ts";
import { compileEval } from "./eval.ts";
import { cellAt, type Exec, failAt, UNBOUND } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import type { FunctionScope } from "./function-scope.ts";
import { callPointer } from "./invoke.ts";

/** Functions that the language answers itself; null when the call is an ordinary one. */
export function compilePseudoFunction(s: FunctionScope, call: Call, site: Site): Exec | null {
  if (!pseudoFunctions.has(call.name)) return null;
  const count = call.args.length;
  const args = () => call.args.map((arg) => compileExpr(s, arg));
  const argSites = call.args.map((arg) => s.site(arg.start, arg.end));
  switch (call.name) {
    case "type_of": {
      if (count !== 1) return null;
      const [value] = args();
      return (f) => typeNameOf(value!(f));
    }
    case "is_shared":
      return count === 1 ? compileIsShared(s, call) : null;
    case "Fn": {
      if (count !== 1) return null;
      const [name] = args();
      return (f) => makePointer(s, text(name!(f), argSites[0]!), argSites[0]!);
    }
    case "curry": {
      if (count < 1) return null;
      const [fn, ...rest] = args();
      return (f) => {
        const ptr = pointer(fn!(f), argSites[0]!);
        return new FnPtr(ptr.name, [...ptr.curried, ...rest.map((arg) => arg(f))], ptr.link, ptr.home);
      };
    }
    case "call": {
      if (count < 1) return null;
      const [fn, ...rest] = args();
      return (f) => {
        const ptr = pointer(fn!(f), argSites[0]!);
        return callPointer(
          ptr,
          rest.map((arg) => arg(f)),
          UNBOUND,
          site,
        );
      };
    }
    case "is_def_var":
      return count === 1 ? compileIsDefVar(s, args()[0]!, argSites[0]!) : null;
    case "is_def_fn":
      return count === 2 || count === 3 ? compileIsDefFn(s, args(), argSites) : null;
    case "eval":
      return count === 1 ? compileEval(s, call, site) : null;
    default:
      return null;
  }
}

function text(value: Value, site: Site): string {
  const plain = untag(value);
  if (typeof plain !== "string") throw failAt(mismatch(typeNameOf(plain), "string"), site);
  return plain;
}

function pointer(value: Value, site: Site): FnPtr {
  const plain = untag(value);
  if (!(plain instanceof FnPtr)) throw failAt(mismatch(typeNameOf(plain), "Fn"), site);
  return plain;
}

function makePointer(s: FunctionScope, name: string, site: Site): FnPtr {
  const error = invalidFunctionName(name);
  if (error !== null) throw failAt(error, site);
  return new FnPtr(name, [], null, s.unit.state);
}

function compileIsShared(s: FunctionScope, call: Call): Exec {
  const arg = unparen(call.args[0]!);
  const value = compileExpr(s, arg);
  if (arg.kind !== "Variable" || arg.path.length > 0) {
    return (f) => {
      value(f);
      return false;
    };
  }
  const variable = s.find(arg.name);
  return (f) => {
    const dynamic = s.isDynamic ? dynamicVariable(f, arg.name) : undefined;
    if (dynamic !== undefined) return dynamic.shared;
    value(f);
    return variable?.isCell === true && cellAt(f, variable.slot).shared;
  };
}

function compileIsDefVar(s: FunctionScope, nameExec: Exec, site: Site): Exec {
  const names = new Set(s.variables.map((variable) => variable.name));
  const { isTopLevel } = s;
  return (f) => {
    const name = text(nameExec(f), site);
    return names.has(name) || dynamicVariable(f, name) !== undefined || (isTopLevel && vm.run.scope.has(name));
  };
}

function compileIsDefFn(s: FunctionScope, args: readonly Exec[], sites: readonly Site[]): Exec {
  const { unit } = s;
  return (f) => {
    const values = args.map((arg) => untag(arg(f)));
    const thisType = values.length === 3 ? text(values[0], sites[0]!) : null;
    const name = text(values[values.length - 2], sites[values.length - 2]!);
    const arity = values[values.length - 1];
    if (typeof arity !== "number" && typeof arity !== "bigint") {
      throw failAt(mismatch(typeNameOf(arity), "i64"), sites[values.length - 1]!);
    }
    if (arity < 0) return false;
    const isDefined = (home: typeof unit) =>
      thisType === null
        ? home.find(name, Number(arity)) !== undefined
        : (home.findMethods(name, Number(arity)) ?? []).some((fn) => fn.thisType === thisType);
    return isDefined(unit) || isDefined(vm.run.main.unit);
  };
}
