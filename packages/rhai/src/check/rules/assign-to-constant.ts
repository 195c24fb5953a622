import type { Expr } from "../../ast/node.ts";
import { unparen } from "../../ast/positions.ts";
import { rootOf } from "../analyze.ts";
import type { Rule } from "../rule.ts";
import type { Script } from "../script.ts";
import { changingMethods } from "../standard-functions.ts";
import { nameOf } from "./unknown-function.ts";

export const assignToConstant: Rule = {
  severity: "error",
  about: "a change to a constant, to a part of one, or to something read from `global::` or a module",
  check: (script, report) => {
    for (const { node, root } of script.assignments) {
      if (root?.kind === "const") report(node.target, `constant '${root.name.name}' cannot be changed`);
      else {
        const path = qualifiedRoot(node.target);
        if (path !== null) report(node.target, `'${path}' cannot be changed`, "copy it into a variable first");
      }
    }
    const own = new Set(script.functions.map(({ name }) => name));
    const changing = changingMethods();
    for (const call of script.methodCalls) {
      if (!changing.has(call.name) || own.has(call.name)) continue;
      const constant = changedConstant(script, call.object);
      if (constant === null) continue;
      report(nameOf(call), `'${call.name}' would change the constant '${constant}'`, "copy it into a variable first");
    }
  },
};

function changedConstant({ resolved }: Script, receiver: Expr): string | null {
  const root = rootOf(receiver, resolved);
  return root?.kind === "const" ? root.name.name : qualifiedRoot(receiver);
}

/** `global::A` in `global::A.b[0]`; null when the root is no qualified name. */
function qualifiedRoot(target: Expr): string | null {
  let root = unparen(target);
  while (root.kind === "Member" || root.kind === "Index") root = unparen(root.object);
  if (root.kind !== "Variable" || root.path.length === 0) return null;
  return [...root.path, root].map(({ name }) => name).join("::");
}
