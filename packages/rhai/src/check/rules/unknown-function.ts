import type { MethodCall } from "../../ast/node.ts";
import { walk } from "../../ast/walk.ts";
import { nearest } from "../../text/nearest.ts";
import type { Rule } from "../rule.ts";
import type { Script } from "../script.ts";

export const unknownFunction: Rule = {
  severity: "error",
  about: "a call of a function that neither the script nor the standard library nor the host has",
  needsWholeScript: true,
  check: (script, report) => {
    const own = new Set(script.functions.map(({ name }) => name));
    const names = [...own, ...script.known.keys()];
    for (const { node, variable } of script.calls) {
      if (own.has(node.name) || script.known.has(node.name)) continue;
      const close = nearest(node.name, names);
      const hint =
        variable !== null
          ? `'${node.name}' is a variable; call the function it holds with '${node.name}.call(…)'`
          : close && `did you mean '${close}'?`;
      report({ start: node.pos, end: node.nameEnd }, `there is no function '${node.name}'`, hint);
    }
    const properties = propertyNames(script);
    for (const node of script.methodCalls) {
      if (own.has(node.name) || script.known.has(node.name) || properties.has(node.name)) continue;
      const close = nearest(node.name, names);
      report(nameOf(node), `there is no method '${node.name}'`, close && `did you mean '${close}'?`);
    }
  },
};

/** Keys that the script gives to maps: any of them may hold a function that is called like a method. */
export function propertyNames(script: Script): ReadonlySet<string> {
  const names = new Set<string>();
  walk(script.program, {
    enter: (node) => {
      if (node.kind === "Map") for (const { key } of node.entries) names.add(key);
      if (node.kind === "Assignment" && node.target.kind === "Member") names.add(node.target.name);
      return true;
    },
  });
  return names;
}

export function nameOf({ pos, nameEnd }: MethodCall): { readonly start: number; readonly end: number } {
  return { start: pos, end: nameEnd };
}
