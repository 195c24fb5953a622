import type { Call, ExportStatement, ImportStatement, Variable } from "../ast/node.ts";
import { errorOffset } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound, mismatch, moduleNotFound, variableNotFound } from "../errors/throwing.ts";
import { type Site, vm } from "../run/vm.ts";
import { share } from "../values/copy.ts";
import { untag } from "../values/tagged.ts";
import { typeNameOf } from "../values/type-name.ts";
import { dynamicVariable } from "./dynamic-variables.ts";
import { cellAt, type Exec, Exit, type Frame, failAt, Jump, located, UNBOUND } from "./exec.ts";
import { compileExpr } from "./expressions.ts";
import type { FunctionScope } from "./function-scope.ts";
import { didYouMean } from "./hints.ts";
import { invoke, withState } from "./invoke.ts";
import type { UnitState } from "./unit.ts";

/** `a::b::NAME` and `global::NAME`. */
export function compileQualifiedVariable(s: FunctionScope, node: Variable): Exec {
  const { unit } = s;
  const { name } = node;
  const path = node.path.map((part) => part.name);
  const rootSite = s.site(node.path[0]!.start, node.path[0]!.end);
  const full = [...path, name].join("::");
  const site = s.site(node.pos, node.end);
  const isGlobal = path.length === 1 && path[0] === "global";
  return () => {
    const { state } = unit;
    if (isGlobal && !hasImport(state, "global")) {
      const value = state.constants.get(name);
      if (value !== undefined || state.constants.has(name)) return share(value);
      throw failAt(hinted(variableNotFound(full), didYouMean(name, state.constants.keys())), rootSite);
    }
    const module = findModule(state, path, rootSite);
    if (module.exports.has(name)) return share(module.exports.get(name));
    throw failAt(
      hinted(variableNotFound(full), didYouMean(name, module.exports.keys())),
      path.length > 1 ? site : rootSite,
    );
  };
}

function hinted(error: RhaiError, hint: string | null): RhaiError {
  error.hint = hint;
  return error;
}

function hasImport(state: UnitState, alias: string): boolean {
  return state.imports.some((entry) => entry.alias === alias);
}

function findModule(state: UnitState, path: readonly string[], site: Site): UnitState {
  let module: UnitState | undefined;
  let from = state;
  for (const alias of path) {
    module = from.imports.findLast((entry) => entry.alias === alias)?.module;
    if (module === undefined) {
      const names = from.imports.map((entry) => entry.alias);
      throw failAt(hinted(moduleNotFound(path.join("::")), didYouMean(alias, names)), site);
    }
    from = module;
  }
  return module!;
}

/** `a::f(args)`: runs with the module's own functions, imports and constants. */
export function compileModuleCall(s: FunctionScope, call: Call): Exec {
  const { unit } = s;
  const path = call.path.map((part) => part.name);
  const rootSite = s.site(call.path[0]!.start, call.path[0]!.end);
  const site = s.site(call.pos, call.nameEnd);
  const args = call.args.map((arg) => compileExpr(s, arg));
  const { name } = call;
  const full = [...path, name].join("::");
  return (f) => {
    const values = args.map((arg) => arg(f));
    const module = findModule(unit.state, path, rootSite);
    const fn = module.unit.find(name, values.length);
    if (fn === undefined || fn.isPrivate) {
      const error = functionNotFound(full, values);
      error.hint = didYouMean(
        name,
        module.unit.all.filter((other) => !other.isPrivate).map((other) => other.name),
      );
      throw failAt(error, site);
    }
    return withState(module, () => invoke(fn, values, UNBOUND, site));
  };
}

/** `import path as alias`. */
export function compileImport(s: FunctionScope, node: ImportStatement): Exec {
  const path = compileExpr(s, node.path);
  const site = s.site(errorOffset(node.path), node.path.end);
  const alias = node.alias?.name ?? null;
  const { unit } = s;
  return (f) => {
    const text = untag(path(f));
    if (typeof text !== "string") throw failAt(mismatch(typeNameOf(text), "string"), site);
    const { state } = unit;
    try {
      const module = vm.run.importModule(text, state);
      if (alias !== null) state.imports.push({ alias, module });
    } catch (error) {
      throw inModule(error, text, site);
    }
    return undefined;
  };
}

/** Failures while a module loads are wrapped; a missing one is reported as it is. */
function inModule(error: unknown, path: string, site: Site): unknown {
  if (error instanceof Jump || error instanceof Exit) return error;
  if (!(error instanceof RhaiError)) return located(error, site);
  if (error.kind === "ErrorModuleNotFound" && error.position === null) return failAt(error, site);
  if (
    error.kind === "ErrorTooManyModules" ||
    error.kind === "ErrorTerminated" ||
    error.kind === "ErrorTooManyOperations"
  )
    return failAt(error, site);
  error.bareSyntax = false;
  const wrapper = new RhaiError("ErrorInModule", "", { inner: error, dump: { module: path } });
  wrapper.callee = path;
  return failAt(wrapper, site);
}

/** `export name as alias`. */
export function compileExport(s: FunctionScope, node: ExportStatement): Exec {
  const { name } = node.name;
  const alias = node.alias?.name ?? name;
  const variable = s.find(name);
  const site = s.site(node.name.start, node.name.end);
  const { unit } = s;
  return (f: Frame) => {
    const dynamic = s.isDynamic ? dynamicVariable(f, name) : undefined;
    if (dynamic !== undefined) unit.state.exports.set(alias, share(dynamic.value));
    else if (variable !== null) {
      const value =
        variable.literal !== null
          ? variable.literal.value
          : variable.isCell
            ? cellAt(f, variable.slot).value
            : f[variable.slot];
      unit.state.exports.set(alias, share(value));
    } else {
      const entry = vm.run.scope.entry(name);
      if (entry === undefined) throw failAt(variableNotFound(name), site);
      unit.state.exports.set(alias, share(vm.run.scope.get(name)));
    }
    return undefined;
  };
}
