import type { Variable as VariableNode } from "../ast/node.ts";
import type { RhaiError } from "../errors/rhai-error.ts";
import { dataRace, variableNotFound } from "../errors/throwing.ts";
import { type Site, vm } from "../run/vm.ts";
import { Cell } from "../values/cell.ts";
import { share } from "../values/copy.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import type { Value } from "../values/value.ts";
import { dynamicVariable } from "./dynamic-variables.ts";
import { cellAt, type Exec, type Frame, failAt } from "./exec.ts";
import type { FunctionScope, Variable } from "./function-scope.ts";
import { didYouMean } from "./hints.ts";
import { compileQualifiedVariable } from "./modules.ts";

/** A name as a value. `keep` marks containers as shared, because the value will be held elsewhere too. */
export function compileVariable(s: FunctionScope, node: VariableNode, keep: boolean): Exec {
  if (node.path.length > 0) return compileQualifiedVariable(s, node);
  const variable = s.find(node.name);
  const site = s.site(node.start, node.end);
  if (s.isDynamic) return compileDynamic(s, node.name, variable, site);
  if (variable === null) return compileUnknown(s, node.name, site);
  return compileKnown(variable, keep, site);
}

function compileKnown(variable: Variable, keep: boolean, _site: Site): Exec {
  const { slot, literal } = variable;
  if (literal !== null) {
    const { value } = literal;
    return () => value;
  }
  if (variable.isCell) {
    return (f) => {
      const cell = cellAt(f, slot);
      if (cell.locked) throw dataRace();
      return keep ? share(cell.value) : cell.value;
    };
  }
  if (!keep) return (f) => f[slot];
  return (f) => {
    const value = f[slot];
    return typeof value === "object" ? share(value) : value;
  };
}

/** Not declared in the text: a variable of the host, or the name of a function. */
function compileUnknown(s: FunctionScope, name: string, site: Site): Exec {
  const { unit, isTopLevel } = s;
  const visible = s.variables.map((variable) => variable.name);
  return () => {
    if (isTopLevel) {
      const entry = vm.run.scope.entry(name);
      if (entry !== undefined) return share(entry.value instanceof Cell ? entry.value.value : entry.value);
    }
    const global = vm.run.globals?.get(name);
    if (global !== undefined) return share(global);
    return functionByName(s, name) ?? fail(unknown(name, visible, unit.state.constants), site);
  };
}

function fail(error: RhaiError, site: Site): never {
  throw failAt(error, site);
}

function unknown(name: string, visible: readonly string[], constants: ReadonlyMap<string, Value>): RhaiError {
  const error = variableNotFound(name);
  error.hint = constants.has(name)
    ? `functions do not see top-level constants by name: use global::${name}`
    : () => didYouMean(name, visible);
  return error;
}

/** A bare name that equals a script function's evaluates to a pointer to it. */
function functionByName(s: FunctionScope, name: string): FnPtr | null {
  const fn = s.unit.all.find((candidate) => candidate.name === name && candidate.thisType === null);
  return fn === undefined ? null : new FnPtr(name, [], fn, s.unit.state);
}

/** Where code can declare variables by name, those come first. */
function compileDynamic(s: FunctionScope, name: string, variable: Variable | null, site: Site): Exec {
  const known = variable === null ? compileUnknown(s, name, site) : compileKnown(variable, true, site);
  return (f) => {
    const found = dynamicVariable(f, name);
    return found === undefined ? known(f) : share(found.value);
  };
}

/** The cell a closure captures for a name; the variable becomes a shared one. */
export function captureCell(s: FunctionScope, name: string, site: Site): (f: Frame) => Cell {
  const variable = s.find(name);
  const own = (f: Frame): Cell => {
    if (variable === null) {
      const entry = s.isTopLevel ? vm.run.scope.entry(name) : undefined;
      const global = entry === undefined ? vm.run.globals?.get(name) : undefined;
      if (global !== undefined) return new Cell(share(global));
      if (entry === undefined) throw failAt(unknown(name, [], s.unit.state.constants), site);
      return (entry.value = entry.value instanceof Cell ? entry.value : new Cell(entry.value));
    }
    if (variable.literal !== null) return new Cell(variable.literal.value);
    return variable.isCell ? cellAt(f, variable.slot) : new Cell(share(f[variable.slot]));
  };
  const isLiteral = variable?.literal !== null && variable !== null;
  return (f) => {
    const cell = s.isDynamic ? (dynamicVariable(f, name) ?? own(f)) : own(f);
    if (!isLiteral) {
      cell.shared = true;
      if (variable?.isConstant === true) cell.readOnly = true;
    }
    return cell;
  };
}
