import type { MethodCall, Node, Program } from "../../ast/node.ts";
import { walk } from "../../ast/walk.ts";
import type { Rule } from "../rule.ts";
import { nameOf } from "./unknown-function.ts";

/** Methods that change their receiver in place and return `()` (spec 15). */
const IN_PLACE = new Set(
  `trim replace crop make_upper make_lower pad push insert append clear truncate chop reverse sort sort_by sort_desc
  dedup for_each mixin fill_with splice`.split(/\s+/),
);

export const lostResult: Rule = {
  severity: "warning",
  about: "the result of a method that changes its receiver and returns nothing: `let b = a.trim();`",
  check: ({ program, functions }, report) => {
    const own = new Set(functions.map(({ name }) => name));
    walk(program, {
      enter: (node, parent) => {
        if (node.kind === "MethodCall" && IN_PLACE.has(node.name) && !own.has(node.name)) {
          if (usesValue(parent, node)) {
            report(
              nameOf(node),
              `'${node.name}' changes the value in place and returns '()'`,
              `call it in a statement of its own, then use the variable`,
            );
          } else if (isTemporary(node)) {
            report(
              nameOf(node),
              `'${node.name}' changes a value that is thrown away`,
              "put the value into a variable first",
            );
          }
        }
        return true;
      },
    });
  },
};

function usesValue(parent: Node | Program, call: MethodCall): boolean {
  switch (parent.kind) {
    case "Let":
    case "Array":
    case "Map":
    case "Call":
    case "Binary":
    case "Unary":
    case "Throw":
      return true;
    case "Assignment":
      return parent.value === call;
    case "MethodCall":
      return true;
    default:
      return false;
  }
}

function isTemporary({ object, name }: MethodCall): boolean {
  return name !== "for_each" && (object.kind === "Literal" || object.kind === "InterpolatedString");
}
