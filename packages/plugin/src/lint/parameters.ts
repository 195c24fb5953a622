import { type Expr, type Program, unparen, walk } from "@blockvisor/rhai";

/** Whether an expression is the node's parameters: `node_params()`, `node_env().properties`, or a variable that only ever holds them. */
export function parametersIn(program: Program): (expr: Expr) => boolean {
  const holders = holdersOf(program, isParamsCall);
  return (expr) => {
    const node = unparen(expr);
    if (node.kind === "Call") return isParamsCall(node) && node.args.length === 0;
    if (node.kind === "Member") return isParamsCall(node);
    return node.kind === "Variable" && holders.has(node.name);
  };
}

/** Names of variables and constants that are only ever what `isHeld` says. */
export function holdersOf(program: Program, isHeld: (expr: Expr) => boolean): ReadonlySet<string> {
  const holders = new Set<string>();
  const others = new Set<string>();
  walk(program, {
    enter(node) {
      if (node.kind === "Let") (node.init && isHeld(node.init) ? holders : others).add(node.name.name);
      else if (node.kind === "Assignment" && node.target.kind === "Variable") others.add(node.target.name);
      else if (node.kind === "Function" || node.kind === "Closure")
        for (const param of node.params) others.add(param.name);
      else if (node.kind === "For") others.add(node.variable.name);
      return true;
    },
  });
  return new Set([...holders].filter((name) => !others.has(name)));
}

function isParamsCall(expr: Expr): boolean {
  const node = unparen(expr);
  if (node.kind === "Call") return node.path.length === 0 && node.name === "node_params";
  return node.kind === "Member" && node.name === "properties" && isNodeEnv(node.object);
}

function isNodeEnv(expr: Expr): boolean {
  const node = unparen(expr);
  return node.kind === "Call" && node.path.length === 0 && node.name === "node_env" && node.args.length === 0;
}
