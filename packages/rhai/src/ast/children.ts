import type { Expr, Node, Program, Statement } from "./node.ts";

/** Calls `visit` with every direct child of a node, in source order. */
export function forEachChild(node: Node | Program, visit: (child: Expr | Statement) => void): void {
  switch (node.kind) {
    case "Program":
    case "Block":
      node.body.forEach(visit);
      return;
    case "InterpolatedString":
      node.blocks.forEach(visit);
      return;
    case "Array":
      node.items.forEach(visit);
      return;
    case "Map":
      for (const entry of node.entries) visit(entry.value);
      return;
    case "Unary":
      visit(node.operand);
      return;
    case "Binary":
    case "Logical":
      visit(node.left);
      visit(node.right);
      return;
    case "Call":
      node.args.forEach(visit);
      return;
    case "MethodCall":
      visit(node.object);
      node.args.forEach(visit);
      return;
    case "Member":
      visit(node.object);
      return;
    case "Index":
      visit(node.object);
      visit(node.index);
      return;
    case "StatementExpr":
      visit(node.statement);
      return;
    case "Closure":
    case "Function":
      visit(node.body);
      return;
    case "Paren":
    case "Expression":
      visit(node.expr);
      return;
    case "Assignment":
      visit(node.target);
      visit(node.value);
      return;
    case "Let":
      if (node.init !== null) visit(node.init);
      return;
    case "If":
      visit(node.condition);
      visit(node.then);
      if (node.otherwise !== null) visit(node.otherwise);
      return;
    case "While":
      visit(node.condition);
      visit(node.body);
      return;
    case "Loop":
      visit(node.body);
      return;
    case "Do":
      visit(node.body);
      visit(node.condition);
      return;
    case "For":
      visit(node.iterable);
      visit(node.body);
      return;
    case "Switch":
      visit(node.subject);
      for (const arm of node.arms) {
        arm.labels.forEach(visit);
        if (arm.guard !== null) visit(arm.guard);
        visit(arm.body);
      }
      return;
    case "Return":
    case "Throw":
    case "Break":
      if (node.value !== null) visit(node.value);
      return;
    case "Try":
      visit(node.body);
      visit(node.handler);
      return;
    case "Import":
      visit(node.path);
      return;
    default:
      return;
  }
}
