import { forEachChild } from "../ast/children.ts";
import { freeVariables } from "../ast/free-variables.ts";
import type { Identifier, Node, Program } from "../ast/node.ts";

/** The declarations whose variables some closure captures: those variables live in cells. */
export function capturedDeclarations(program: Program): ReadonlySet<Identifier> {
  const captured = new Set<Identifier>();
  let scope: Identifier[] = [];
  const scoped = (declared: readonly Identifier[], run: () => void) => {
    const size = scope.length;
    scope.push(...declared);
    run();
    scope.length = size;
  };
  const visit = (node: Node): void => {
    switch (node.kind) {
      case "Function": {
        const outer = scope;
        scope = [...node.params];
        visit(node.body);
        scope = outer;
        return;
      }
      case "Closure": {
        const free = freeVariables(node);
        const passed: Identifier[] = [];
        for (const variable of free) {
          const declaration = scope.findLast((candidate) => candidate.name === variable.name);
          if (declaration !== undefined) {
            captured.add(declaration);
            passed.push(declaration);
          }
        }
        const outer = scope;
        scope = [...passed, ...node.params];
        visit(node.body);
        scope = outer;
        return;
      }
      case "Block":
        scoped([], () => forEachChild(node, visit));
        return;
      case "Let":
        forEachChild(node, visit);
        scope.push(node.name);
        return;
      case "For":
        visit(node.iterable);
        scoped(node.counter === null ? [node.variable] : [node.counter, node.variable], () => visit(node.body));
        return;
      case "Try":
        visit(node.body);
        scoped(node.variable === null ? [] : [node.variable], () => visit(node.handler));
        return;
      case "Switch":
        visit(node.subject);
        for (const arm of node.arms) {
          if (arm.guard !== null) visit(arm.guard);
          scoped([], () => visit(arm.body));
        }
        return;
      default:
        forEachChild(node, visit);
    }
  };
  forEachChild(program, visit);
  return captured;
}
