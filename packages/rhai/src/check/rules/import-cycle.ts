import type { Program } from "../../ast/node.ts";
import { unparen } from "../../ast/positions.ts";
import { walk } from "../../ast/walk.ts";
import type { ModuleLookup } from "../options.ts";
import type { Rule } from "../rule.ts";

export const importCycle: Rule = {
  severity: "error",
  about: "an import that leads back to the importing script",
  check: ({ imports, modules, name }, report) => {
    if (modules === null) return;
    for (const { path, statement } of imports) {
      const chain = path === null ? null : cycle(modules, path, [name]);
      if (chain !== null) report(statement.path, `this import leads back here: ${chain.join(" → ")}`);
    }
  },
};

/** The way from the first script back to it; null when there is none. */
function cycle(modules: ModuleLookup, path: string, way: readonly string[]): readonly string[] | null {
  const module = modules(path, way.at(-1)!);
  if (module === null) return null;
  if (module.name === way[0]) return [...way, module.name];
  if (way.includes(module.name)) return null;
  for (const next of topLevelImports(module.program)) {
    const found = cycle(modules, next, [...way, module.name]);
    if (found !== null) return found;
  }
  return null;
}

/** Imports that run when the module is loaded: not those inside functions. */
function topLevelImports(program: Program): string[] {
  const paths: string[] = [];
  walk(program, {
    enter: (node) => {
      const path = node.kind === "Import" ? unparen(node.path) : null;
      if (path?.kind === "Literal" && typeof path.value === "string") paths.push(path.value);
      return node.kind !== "Function" && node.kind !== "Closure";
    },
  });
  return paths;
}
