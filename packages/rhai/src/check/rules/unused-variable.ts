import type { Rule } from "../rule.ts";
import type { Binding } from "../script.ts";

export const unusedVariable: Rule = {
  severity: "warning",
  about: "a variable, constant, loop counter or caught error that nothing reads; `_name` says that this is meant",
  needsWholeScript: true,
  check: ({ bindings, globalReads, usesEval }, report) => {
    const global = new Set(globalReads.map(({ node }) => node.name));
    for (const binding of bindings) {
      const { name, kind, reads, writes, exported, escapes, isGlobal } = binding;
      if (reads.length > 0 || exported || escapes || (usesEval && isGlobal) || !isReported(binding)) continue;
      if (isGlobal && kind === "const" && global.has(name.name)) continue;
      report(
        name,
        `${kind} '${name.name}' is ${writes.length > 0 ? "assigned but never read" : "never used"}`,
        HINTS[kind],
      );
    }
  },
};

/** Parameters and loop variables are often there because something else needs them to be. */
function isReported({ kind, name }: Binding): boolean {
  return kind !== "parameter" && kind !== "loop variable" && !name.name.startsWith("_");
}

const HINTS: Partial<Record<Binding["kind"], string>> = {
  "catch variable": "write 'catch { … }'",
  "loop counter": "write 'for item in …'",
};
