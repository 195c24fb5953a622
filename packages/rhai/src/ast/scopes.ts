import { forEachChild } from "./children.ts";
import type { Identifier, Node } from "./node.ts";

/** Keeps the names that are in scope. */
export interface Scopes {
  /** What `body` visits lies in a scope of its own, which begins with these names. */
  within(declared: readonly Identifier[], body: () => void): void;
  /** The name is there from now to the end of the innermost scope. */
  declare(name: Identifier): void;
}

/** Visits what a node has below it, in source order, and says on the way which names come and go. Functions and closures are not opened. */
export function visitInScope(node: Node, scopes: Scopes, visit: (child: Node) => void): void {
  switch (node.kind) {
    case "Function":
    case "Closure":
      return;
    case "Block":
      scopes.within([], () => forEachChild(node, visit));
      return;
    case "Let":
      forEachChild(node, visit);
      scopes.declare(node.name);
      return;
    case "For":
      visit(node.iterable);
      scopes.within(node.counter === null ? [node.variable] : [node.counter, node.variable], () => visit(node.body));
      return;
    case "Try":
      visit(node.body);
      scopes.within(node.variable === null ? [] : [node.variable], () => visit(node.handler));
      return;
    case "Switch":
      visit(node.subject);
      for (const { guard, body } of node.arms) {
        if (guard !== null) visit(guard);
        scopes.within([], () => visit(body));
      }
      return;
    default:
      forEachChild(node, visit);
  }
}
