import type { Rule } from "../rule.ts";
import { nameOf } from "./unknown-function.ts";

/** Functions of the library that Rhai 1.20 does not have (spec 22). */
const NEWER = new Set(["sort_by", "sort_desc", "order", "order_by", "order_desc"]);

export const newerEngine: Rule = {
  severity: "info",
  about: "a function that older engines (Rhai 1.20, which hosts in the field run) do not have",
  check: ({ functions, calls, methodCalls }, report) => {
    const own = new Set(functions.map(({ name }) => name));
    const isNewer = (name: string) => NEWER.has(name) && !own.has(name);
    for (const { node } of calls) {
      if (isNewer(node.name)) report({ start: node.pos, end: node.nameEnd }, `Rhai 1.20 has no '${node.name}'`);
    }
    for (const node of methodCalls) if (isNewer(node.name)) report(nameOf(node), `Rhai 1.20 has no '${node.name}'`);
  },
};
