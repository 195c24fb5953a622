import type { Identifier, Program } from "../ast/node.ts";
import { walk } from "../ast/walk.ts";
import type { Source } from "../errors/position.ts";
import { capturedDeclarations } from "./captures.ts";
import type { Frame } from "./exec.ts";
import { FunctionScope } from "./function-scope.ts";
import { compileFunctionBody, finish, hasDynamicCode } from "./functions.ts";
import { compileBody } from "./statements.ts";
import { ScriptFunction, Unit } from "./unit.ts";

/** A unit with all its functions known; bodies are compiled when they are first called. */
export function buildUnit(source: Source, program: Program): Unit {
  const unit = new Unit(source, program);
  let captured: ReadonlySet<Identifier> | null = null;
  const capturedIn = () => (captured ??= capturedDeclarations(program));
  for (const statement of program.body) {
    if (statement.kind !== "Function") continue;
    const fn = new ScriptFunction(unit, statement, 0, (compiled) =>
      compileFunctionBody(compiled, capturedIn(), () => {}),
    );
    unit.all.push(fn);
    const key = `${fn.name}/${fn.arity}`;
    if (fn.thisType === null) unit.functions.set(key, fn);
    else {
      const list = unit.methods.get(key);
      if (list === undefined) unit.methods.set(key, [fn]);
      else list.push(fn);
    }
  }
  unit.recordsConstants = unit.all.length > 0 || containsClosure(program);
  return unit;
}

function containsClosure(program: Program): boolean {
  let found = false;
  walk(program, {
    enter: (node) => {
      found ||= node.kind === "Closure";
      return !found;
    },
  });
  return found;
}

/** Compiles the top-level statements, once. */
export function compileMain(unit: Unit, variableLimit = 0): NonNullable<Unit["main"]> {
  if (unit.main !== null) return unit.main;
  const { program } = unit;
  const scope = new FunctionScope(unit, unit.source, capturedDeclarations(program), 0, -1, true);
  scope.variableLimit = variableLimit;
  scope.isDynamic = hasDynamicCode(program);
  const body = compileBody(scope, program.body);
  unit.main = { exec: finish(body, scope), size: scope.size, exports: scope.declared };
  return unit.main;
}

/** Content of a top-level slot whose declaration has not run. */
export const NOT_SET = Symbol("not set") as unknown as Frame[number];
