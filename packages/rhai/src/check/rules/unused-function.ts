import type { Rule } from "../rule.ts";
import type { Script } from "../script.ts";

export const unusedFunction: Rule = {
  severity: "warning",
  about: "a private function that nothing calls; with entry points given, any function that they do not reach",
  needsWholeScript: true,
  check: (script, report) => {
    if (script.usesEval) return;
    const reached = reachedFunctions(script);
    for (const { name, nameStart, isPrivate, params } of script.functions) {
      if (reached.has(name) || name.startsWith("_") || (!isPrivate && script.entryPoints === null)) continue;
      report({ start: nameStart, end: nameStart + name.length }, `function '${name}/${params.length}' is never called`);
    }
  },
};

/** Names of the functions that code which runs refers to, directly or through other functions. */
function reachedFunctions({ functions, entryPoints, functionUses }: Script): ReadonlySet<string> {
  const isRoot = (name: string, isPrivate: boolean) => (entryPoints === null ? !isPrivate : entryPoints.has(name));
  const reached = new Set(functions.filter(({ name, isPrivate }) => isRoot(name, isPrivate)).map(({ name }) => name));
  for (let before = -1; before !== reached.size; ) {
    before = reached.size;
    for (const [name, users] of functionUses) {
      if ([...users].some((user) => user === null || reached.has(user.name))) reached.add(name);
    }
  }
  return reached;
}
