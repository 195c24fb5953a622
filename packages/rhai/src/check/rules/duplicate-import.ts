import type { Rule } from "../rule.ts";

export const duplicateImport: Rule = {
  severity: "warning",
  about: "two imports under one name in one block: the later one wins here, the earlier one in other engines",
  check: ({ imports }, report) => {
    for (const { alias, replaces } of imports) {
      if (alias !== null && replaces !== null) report(alias, `module '${alias.name}' is imported a second time`);
    }
  },
};
