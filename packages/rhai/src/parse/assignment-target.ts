import type { Expr, Index, Member, MethodCall } from "../ast/node.ts";
import { errorOffset, unparen } from "../ast/positions.ts";

/**
 * Where an access chain cannot be assigned to, or null when it can: it must start at a variable or `this` and hold
 * only properties and indices. The offset is the reference's: the first method call after a dot, or the root.
 */
export function invalidTarget(target: Member | MethodCall | Index): number | null {
  const links: (Member | MethodCall | Index)[] = [];
  let root: Expr = target;
  while (root.kind === "Member" || root.kind === "MethodCall" || root.kind === "Index") {
    links.unshift(root);
    root = unparen(root.object);
  }
  for (const link of links) if (link.kind === "MethodCall") return link.pos;
  root = unparen(root);
  return root.kind === "Variable" || root.kind === "This" ? null : errorOffset(root);
}
