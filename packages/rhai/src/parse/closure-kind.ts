import { freeVariables } from "../ast/free-variables.ts";
import type { Closure } from "../ast/node.ts";

/** The reference treats a closure that captures nothing as a constant of type `Fn`. */
export function isFunctionConstant(closure: Closure): boolean {
  return freeVariables(closure).length === 0;
}
