import type { Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { cannotModify, dataRace } from "../errors/throwing.ts";
import { type Site, vm } from "../run/vm.ts";
import { Cell } from "../values/cell.ts";
import type { Value } from "../values/value.ts";
import { dynamicVariable } from "./dynamic-variables.ts";
import { cellAt, type Exec, type Frame, failAt, UNBOUND } from "./exec.ts";
import { compileBorrowed, compileExpr } from "./expressions.ts";
import type { FunctionScope } from "./function-scope.ts";

/** Where an access chain starts: a variable that can be changed in place, or a temporary value. */
export interface Root {
  /** False for temporaries: their chain's arguments are evaluated before them. */
  readonly isPlace: boolean;
  readonly name: string;
  readonly site: Site;
  /** The value, borrowed. */
  read(f: Frame): Value;
  write(f: Frame, value: Value): void;
  isConstant(f: Frame): boolean;
  /** The cell behind a captured variable, or null. */
  cell(f: Frame): Cell | null;
  /** A constant known when compiling: methods work on a temporary copy of it. */
  readonly isLiteral: boolean;
}

export function rootOf(s: FunctionScope, outer: Expr): Root {
  const expr = unparen(outer);
  const site = s.site(expr.start, expr.end);
  if (expr.kind === "This") return thisRoot(s, site);
  if (expr.kind !== "Variable") return temporary(compileExpr(s, expr), site, "");
  if (expr.path.length > 0) {
    const constant = compileBorrowed(s, expr);
    return { ...temporary(constant, site, expr.name), isPlace: true, isConstant: () => true };
  }
  const variable = s.find(expr.name);
  if (variable === null || s.isDynamic) return namedRoot(s, expr, site);
  const { slot, isConstant, literal, name } = variable;
  if (literal !== null) {
    const { value } = literal;
    return { ...temporary(() => value, site, name), isPlace: true, isConstant: () => true, isLiteral: true };
  }
  if (variable.isCell) {
    return {
      isPlace: true,
      name,
      site,
      isLiteral: false,
      read: (f) => unlocked(cellAt(f, slot)).value,
      write: (f, value) => {
        cellAt(f, slot).value = value;
      },
      isConstant: (f) => isConstant || cellAt(f, slot).readOnly,
      cell: (f) => cellAt(f, slot),
    };
  }
  return {
    isPlace: true,
    name,
    site,
    isLiteral: false,
    read: (f) => f[slot],
    write: (f, value) => {
      f[slot] = value;
    },
    isConstant: () => isConstant,
    cell: () => null,
  };
}

function unlocked(cell: Cell): Cell {
  if (cell.locked) throw dataRace();
  return cell;
}

function temporary(exec: Exec, site: Site, name: string): Root {
  return {
    isPlace: false,
    name,
    site,
    isLiteral: false,
    read: exec,
    write: () => {},
    isConstant: () => false,
    cell: () => null,
  };
}

function thisRoot(s: FunctionScope, site: Site): Root {
  const slot = s.thisSlot;
  return {
    isPlace: true,
    name: "this",
    site,
    isLiteral: false,
    read: (f) => {
      const value = f[slot];
      if (value === UNBOUND || slot < 0) throw failAt(new RhaiError("ErrorUnboundThis", "'this' not bound"), site);
      return value;
    },
    write: (f, value) => {
      f[slot] = value;
    },
    isConstant: () => false,
    cell: () => null,
  };
}

/** A variable found by name at run time: declared by `eval` or the host. */
function namedRoot(s: FunctionScope, expr: Expr & { readonly kind: "Variable" }, site: Site): Root {
  const { name } = expr;
  const variable = s.find(name);
  const read = compileBorrowed(s, expr);
  const dynamic = (f: Frame): Cell | null => {
    const found = s.isDynamic ? dynamicVariable(f, name) : undefined;
    if (found !== undefined) return found;
    if (variable !== null) return variable.isCell ? cellAt(f, variable.slot) : null;
    const entry = s.isTopLevel ? vm.run.scope.entry(name) : undefined;
    return entry?.value instanceof Cell ? entry.value : null;
  };
  return {
    isPlace: true,
    name,
    site,
    isLiteral: false,
    read: (f) => {
      const cell = dynamic(f);
      return cell === null ? read(f) : unlocked(cell).value;
    },
    write: (f, value) => {
      const cell = dynamic(f);
      if (cell !== null) cell.value = value;
      else if (variable !== null) f[variable.slot] = value;
      else {
        const entry = s.isTopLevel ? vm.run.scope.entry(name) : undefined;
        if (entry !== undefined) entry.value = value;
      }
    },
    isConstant: (f) => {
      const cell = dynamic(f);
      if (cell !== null) return cell.readOnly || (variable?.isConstant === true && cell === cellAt(f, variable.slot));
      return variable === null ? s.isTopLevel && (vm.run.scope.entry(name)?.isConstant ?? false) : variable.isConstant;
    },
    cell: (f) => {
      const cell = dynamic(f);
      return cell?.shared === true ? cell : null;
    },
  };
}

/** Refuses to change a constant; the error is at its name. */
export function refuseConstant(root: Root, f: Frame): void {
  if (root.isConstant(f)) throw failAt(cannotModify(root.name), root.site);
}
