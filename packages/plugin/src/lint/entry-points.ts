import { type Ast, type FunctionDefinition, walk } from "@blockvisor/rhai";
import { CALLED_BY_PLATFORM } from "../platform-functions.ts";

/** Definitions that run without anybody asking for them by name: built-in ones, and what they call. */
export function reachableFunctions(main: Ast): ReadonlySet<FunctionDefinition> {
  const byName = Map.groupBy(
    main.functions.map((fn) => fn.node),
    (node) => node.name,
  );
  const reached = new Set<FunctionDefinition>();
  const visit = (name: string): void => {
    for (const definition of byName.get(name) ?? []) {
      if (reached.has(definition)) continue;
      reached.add(definition);
      walk(definition, {
        enter(node) {
          if (node.kind === "Call" || node.kind === "MethodCall" || node.kind === "Variable") visit(node.name);
          if (node.kind === "Literal" && typeof node.value === "string") visit(node.value);
          return true;
        },
      });
    }
  };
  for (const name of CALLED_BY_PLATFORM) visit(name);
  for (const statement of main.program.body) {
    if (statement.kind === "Function") continue;
    walk(statement, {
      enter(node) {
        if (node.kind === "Call") visit(node.name);
        return true;
      },
    });
  }
  return reached;
}
