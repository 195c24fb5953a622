import type { Identifier, Program, Statement } from "../ast/node.ts";
import { walk } from "../ast/walk.ts";
import { vm } from "../run/vm.ts";
import { Cell } from "../values/cell.ts";
import { type Exec, Jump, RETURN } from "./exec.ts";
import { FunctionScope } from "./function-scope.ts";
import { compileBody, withImports } from "./statements.ts";
import type { ScriptFunction } from "./unit.ts";

/** Compiles the body of a function or closure into `fn.body`. `declareCaptures` names the leading slots. */
export function compileFunctionBody(
  fn: ScriptFunction,
  captured: ReadonlySet<Identifier>,
  declareCaptures: (scope: FunctionScope) => void,
): void {
  const { unit, node } = fn;
  const scope = new FunctionScope(unit, unit.source, captured, fn.thisSlot + 1, fn.thisSlot, false);
  scope.isDynamic = hasDynamicCode(node.body);
  declareCaptures(scope);
  const cells: number[] = [];
  node.params.forEach((param, i) => {
    const isCell = captured.has(param);
    const slot = fn.captures + i;
    if (isCell) cells.push(slot);
    scope.declare(param.name, false, isCell, null, slot);
  });
  const statements = node.body.kind === "Block" ? node.body.body : [node.body];
  const body = withImports(scope, statements, compileBody(scope, statements));
  fn.size = scope.size;
  fn.forgetsFrames = !scope.isDynamic;
  fn.body = withCells(finish(body, scope), cells);
}

/** Takes the value of a `return` that arrives as a signal or, from inside an expression, as an exception. */
export function finish(body: Exec, scope: FunctionScope): Exec {
  const returns = (scope.leaves & 1) !== 0;
  const plain: Exec = returns
    ? (f) => {
        const value = body(f);
        return value === RETURN ? vm.result : value;
      }
    : body;
  if (!scope.thrownReturn) return plain;
  return (f) => {
    const { depth } = vm;
    try {
      return plain(f);
    } catch (error) {
      if (!(error instanceof Jump) || error.signal !== RETURN) throw error;
      vm.depth = depth;
      return vm.result;
    }
  };
}

/** Parameters that closures capture get their cell on entry. */
function withCells(body: Exec, cells: readonly number[]): Exec {
  if (cells.length === 0) return body;
  return (f) => {
    for (const slot of cells) f[slot] = new Cell(f[slot]) as never;
    return body(f);
  };
}

/** True when code in the body can declare variables by name: `eval` or `f!(…)`, closures aside. */
export function hasDynamicCode(body: Statement | Program): boolean {
  let found = false;
  const visitor = {
    enter: (node: { readonly kind: string; readonly name?: unknown; readonly capture?: unknown }) => {
      if (node.kind === "Call" && (node.name === "eval" || node.capture === true)) found = true;
      return !found && node.kind !== "Closure";
    },
  };
  walk(body, visitor);
  return found;
}
