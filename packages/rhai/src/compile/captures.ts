import { forEachChild } from "../ast/children.ts";
import { freeVariables } from "../ast/free-variables.ts";
import type { Identifier, Node, Program } from "../ast/node.ts";
import { visitInScope } from "../ast/scopes.ts";

/** The declarations whose variables some closure captures: those variables live in cells. */
export function capturedDeclarations(program: Program): ReadonlySet<Identifier> {
  const captured = new Set<Identifier>();
  let scope: Identifier[] = [];
  const scopes = {
    within: (declared: readonly Identifier[], body: () => void) => {
      const size = scope.length;
      scope.push(...declared);
      body();
      scope.length = size;
    },
    declare: (name: Identifier) => scope.push(name),
  };
  const alone = (declared: readonly Identifier[], body: Node) => {
    const outer = scope;
    scope = [...declared];
    visit(body);
    scope = outer;
  };
  const visit = (node: Node): void => {
    if (node.kind === "Function") alone(node.params, node.body);
    else if (node.kind === "Closure") {
      const passed = freeVariables(node).flatMap(
        ({ name }) => scope.findLast((candidate) => candidate.name === name) ?? [],
      );
      for (const declaration of passed) captured.add(declaration);
      alone([...passed, ...node.params], node.body);
    } else visitInScope(node, scopes, visit);
  };
  forEachChild(program, visit);
  return captured;
}
