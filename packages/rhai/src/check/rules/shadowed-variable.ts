import type { Rule } from "../rule.ts";

export const shadowedVariable: Rule = {
  severity: "warning",
  about: "a variable with the name of another one that is visible at the same place",
  check: ({ bindings }, report) => {
    for (const { name, kind, hides, redeclares } of bindings) {
      if (hides === null || name.name.startsWith("_")) continue;
      if (redeclares) report(name, `${kind} '${name.name}' is declared a second time in this block`);
      else report(name, `${kind} '${name.name}' hides the ${hides.kind} of that name`);
    }
  },
};
