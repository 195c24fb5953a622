import type { Rule } from "../rule.ts";
import type { Script } from "../script.ts";
import { nameOf, propertyNames } from "./unknown-function.ts";

/** Take as many arguments as the function they call. */
const VARIADIC = new Set(["call", "curry"]);

export const wrongArity: Rule = {
  severity: "error",
  about: "a call with a number of arguments that no function of that name takes",
  needsWholeScript: true,
  check: (script, report) => {
    for (const { node } of script.calls) {
      const { name } = node;
      const expected = new Set([...ownArities(script, name), ...(script.known.get(name) ?? [])]);
      if (expected.size === 0 || expected.has(node.args.length) || VARIADIC.has(name)) continue;
      report(
        { start: node.pos, end: node.end },
        `function '${name}' takes ${counts(expected)}, not ${node.args.length}`,
      );
    }
    const properties = propertyNames(script);
    for (const node of script.methodCalls) {
      const { name, args } = node;
      const own = ownArities(script, name);
      const methods = new Set(
        [...(script.known.get(name) ?? [])].filter((count) => count > 0).map((count) => count - 1),
      );
      const expected = new Set([...own, ...methods]);
      if (expected.size === 0 || expected.has(args.length) || VARIADIC.has(name) || properties.has(name)) continue;
      report(
        nameOf(node),
        `method '${name}' takes ${counts(expected)}, not ${args.length}`,
        own.has(args.length + 1) ? `call it as '${name}(…)', or write it to work on 'this'` : null,
      );
    }
  },
};

function ownArities(script: Script, name: string): ReadonlySet<number> {
  return new Set(script.functions.filter((definition) => definition.name === name).map(({ params }) => params.length));
}

function counts(expected: ReadonlySet<number>): string {
  const sorted = [...expected].sort((a, b) => a - b);
  if (sorted.length === 1 && sorted[0] === 0) return "no arguments";
  if (sorted.length === 1) return sorted[0] === 1 ? "1 argument" : `${sorted[0]} arguments`;
  return `${sorted.slice(0, -1).join(", ")} or ${sorted.at(-1)} arguments`;
}
