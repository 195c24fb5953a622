import type { Closure, Identifier, Node, Variable } from "./node.ts";
import { visitInScope } from "./scopes.ts";

/**
 * The variables a closure uses without declaring them, in order of first use: its parameters, locals, called
 * functions and module paths are not among them. Closures inside count with what is free in them.
 */
export function freeVariables(closure: Closure): Variable[] {
  const found = new Map<string, Variable>();
  const open: Set<string>[] = [];
  const scopes = {
    within: (declared: readonly Identifier[], body: () => void) => {
      open.push(new Set(declared.map(({ name }) => name)));
      body();
      open.pop();
    },
    declare: ({ name }: Identifier) => open.at(-1)!.add(name),
  };
  const visit = (node: Node): void => {
    if (node.kind === "Closure") {
      for (const free of freeVariables(node)) visit(free);
    } else if (node.kind === "Variable") {
      const isLocal = open.some((scope) => scope.has(node.name));
      if (node.path.length === 0 && !isLocal && !found.has(node.name)) found.set(node.name, node);
    } else visitInScope(node, scopes, visit);
  };
  scopes.within(closure.params, () => visit(closure.body));
  return [...found.values()];
}
