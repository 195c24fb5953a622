import { nearest } from "../../text/nearest.ts";
import type { Rule } from "../rule.ts";

export const unknownModule: Rule = {
  severity: "error",
  about: "an import of a script that does not exist, or a name of a module that nothing imports",
  needsWholeScript: true,
  check: ({ imports, modules, name, unknownModules, usesEval }, report) => {
    for (const { path, statement } of imports) {
      if (path === null || modules === null || modules(path, name) !== null) continue;
      report(statement.path, `there is no module '${path}'`);
    }
    if (usesEval) return;
    for (const { node, visible } of unknownModules) {
      const alias = node.path[0]!;
      const close = nearest(alias.name, visible);
      report(
        alias,
        `no module is imported as '${alias.name}' here`,
        close ? `did you mean '${close}'?` : `add 'import "…" as ${alias.name};' at the top`,
      );
    }
  },
};
