import { forEachChild } from "./children.ts";
import type { Closure, Node, Variable } from "./node.ts";

/**
 * The variables a closure uses without declaring them, in order of first use: its parameters, locals, called
 * functions and module paths are not among them. Closures inside count with what is free in them.
 */
export function freeVariables(closure: Closure): Variable[] {
  const found = new Map<string, Variable>();
  const scopes: Set<string>[] = [new Set(closure.params.map((param) => param.name))];
  const isLocal = (name: string) => scopes.some((scope) => scope.has(name));
  const scoped = (names: readonly string[], run: () => void) => {
    scopes.push(new Set(names));
    run();
    scopes.pop();
  };
  const visit = (node: Node): void => {
    switch (node.kind) {
      case "Variable":
        if (node.path.length === 0 && !isLocal(node.name) && !found.has(node.name)) found.set(node.name, node);
        return;
      case "Closure":
        for (const free of freeVariables(node)) visit(free);
        return;
      case "Block":
        scoped([], () => forEachChild(node, visit));
        return;
      case "Let":
        forEachChild(node, visit);
        scopes.at(-1)!.add(node.name.name);
        return;
      case "For":
        visit(node.iterable);
        scoped([node.variable.name, ...(node.counter === null ? [] : [node.counter.name])], () => visit(node.body));
        return;
      case "Try":
        visit(node.body);
        scoped(node.variable === null ? [] : [node.variable.name], () => visit(node.handler));
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
  visit(closure.body);
  return [...found.values()];
}
