import { forEachChild } from "./children.ts";
import type { Expr, Node, Program, Statement } from "./node.ts";

export interface Visitor {
  /** Returning false skips the children. */
  enter?(node: Expr | Statement, parent: Node | Program): boolean | undefined;
  leave?(node: Expr | Statement, parent: Node | Program): void;
}

/** Walks everything below a node, depth first, in source order. */
export function walk(root: Node | Program, visitor: Visitor): void {
  forEachChild(root, (child) => {
    if (visitor.enter?.(child, root) !== false) walk(child, visitor);
    visitor.leave?.(child, root);
  });
}
