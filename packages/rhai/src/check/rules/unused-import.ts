import type { Rule } from "../rule.ts";

export const unusedImport: Rule = {
  severity: "warning",
  about: "an imported module that nothing uses",
  needsWholeScript: true,
  check: ({ imports, usesEval }, report) => {
    for (const { alias, uses } of imports) {
      if (alias === null || uses.length > 0 || usesEval || alias.name.startsWith("_")) continue;
      report(alias, `module '${alias.name}' is never used`);
    }
  },
};
