import { freeVariables } from "../ast/free-variables.ts";
import type { Closure } from "../ast/node.ts";
import { FnPtr } from "../values/fn-pointer.ts";
import type { Exec } from "./exec.ts";
import type { FunctionScope, Variable } from "./function-scope.ts";
import { compileFunctionBody } from "./functions.ts";
import { ScriptFunction } from "./unit.ts";
import { captureCell } from "./variables.ts";

/** `|a, b| …`: a pointer to an anonymous function whose captured variables are passed as leading cells. */
export function compileClosure(s: FunctionScope, node: Closure): Exec {
  const { unit } = s;
  const names = freeVariables(node).filter(
    (variable) => s.find(variable.name) !== null || !unit.all.some((fn) => fn.name === variable.name),
  );
  const captures = names.map((variable) => captureCell(s, variable.name, s.site(variable.start, variable.end)));
  const outer: readonly (Variable | null)[] = names.map((variable) => s.find(variable.name));
  const fn = new ScriptFunction(unit, node, captures.length, (compiled) => {
    compileFunctionBody(compiled, s.captured, (inner) => {
      names.forEach((variable, i) => {
        const from = outer[i];
        inner.declare(variable.name, from?.literal == null && from?.isConstant === true, true, null, i);
      });
    });
  });
  if (captures.length === 0) return () => new FnPtr(node.name, [], fn, unit.state);
  return (f) =>
    new FnPtr(
      node.name,
      captures.map((capture) => capture(f)),
      fn,
      unit.state,
    );
}
