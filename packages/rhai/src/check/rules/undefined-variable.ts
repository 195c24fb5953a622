import { nearest } from "../../text/nearest.ts";
import type { Rule } from "../rule.ts";
import type { Script, UnknownVariable } from "../script.ts";

export const undefinedVariable: Rule = {
  severity: "error",
  about: "a variable that is declared nowhere it can be seen from, or a `global::` constant that does not exist",
  needsWholeScript: true,
  check: (script, report) => {
    const constants = globalConstants(script);
    for (const unknown of script.unknownVariables) {
      if (mayComeFromOutside(script, unknown)) continue;
      report(unknown.node, `variable '${unknown.node.name}' is not defined`, hintFor(script, constants, unknown));
    }
    for (const { node } of script.globalReads) {
      if (constants.has(node.name)) continue;
      const isVariable = script.bindings.some((binding) => binding.isGlobal && binding.name.name === node.name);
      const close = nearest(node.name, constants);
      report(
        node,
        `there is no global constant '${node.name}'`,
        isVariable
          ? `'${node.name}' is declared with 'let'; only 'const' at the top of the script is visible through 'global::'`
          : close && `did you mean 'global::${close}'?`,
      );
    }
  },
};

function globalConstants(script: Script): ReadonlySet<string> {
  const constants = script.bindings.filter(({ isGlobal, kind }) => isGlobal && kind === "const");
  return new Set(constants.map(({ name }) => name.name));
}

/** Inside functions called with `f!()` and beside `eval`, the variables of somebody else may be there. */
function mayComeFromOutside(script: Script, { owner }: UnknownVariable): boolean {
  if (script.usesEval) return true;
  const name = owner?.kind === "Function" ? owner.name : null;
  return name !== null && script.calls.some(({ node }) => node.capture && node.name === name);
}

function hintFor(
  script: Script,
  constants: ReadonlySet<string>,
  { node, owner, visible }: UnknownVariable,
): string | null {
  if (owner !== null && constants.has(node.name))
    return `functions see the constants of the script as 'global::${node.name}'`;
  const isGlobal = script.bindings.some((binding) => binding.isGlobal && binding.name.name === node.name);
  if (owner !== null && isGlobal) return "functions do not see the variables of the script: pass it as a parameter";
  const close = nearest(node.name, [...visible, ...script.functions.map(({ name }) => name)]);
  return close && `did you mean '${close}'?`;
}
