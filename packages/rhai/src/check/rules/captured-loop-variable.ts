import type { Closure } from "../../ast/node.ts";
import { walk } from "../../ast/walk.ts";
import type { Span } from "../../errors/position.ts";
import type { Rule } from "../rule.ts";

const KEEPING = new Set(["push", "insert", "append", "set", "curry"]);

export const capturedLoopVariable: Rule = {
  severity: "warning",
  about: "a closure that is kept beyond a round of a loop and captures the loop's variable, which all rounds share",
  check: ({ program, captures }, report) => {
    const kept = new Set<Closure>();
    walk(program, {
      enter: (node, parent) => {
        const isKept =
          parent.kind === "Array" ||
          parent.kind === "Map" ||
          parent.kind === "Assignment" ||
          (parent.kind === "MethodCall" && KEEPING.has(parent.name));
        if (node.kind === "Closure" && isKept) kept.add(node);
        return true;
      },
    });
    for (const { variable, binding } of captures) {
      if (![...kept].some((closure) => holds(closure, variable) && !holds(closure, binding.name))) continue;
      const { name } = variable;
      report(
        variable,
        `every round of the loop shares '${name}': this closure will see its last value`,
        `copy it first: 'let copy = ${name};'`,
      );
    }
  },
};

function holds(outer: Span, inner: Span): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}
