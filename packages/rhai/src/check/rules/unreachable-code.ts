import type { Block, Statement } from "../../ast/node.ts";
import { walk } from "../../ast/walk.ts";
import type { Rule } from "../rule.ts";

export const unreachableCode: Rule = {
  severity: "warning",
  about: "statements that never run, because what stands before them always leaves",
  check: ({ program }, report) => {
    const inspect = (body: readonly Statement[]): void => {
      const statements = body.filter(({ kind }) => kind !== "Empty" && kind !== "Function");
      const leaving = statements.findIndex(leaves);
      const first = statements[leaving + 1];
      if (leaving < 0 || first === undefined) return;
      report({ start: first.start, end: statements.at(-1)!.end }, "this is never reached");
    };
    inspect(program.body);
    walk(program, {
      enter: (node) => {
        if (node.kind === "Block") inspect(node.body);
        if (node.kind === "If" && isBool(node.condition, true) && node.otherwise !== null)
          report(node.otherwise, "this is never reached");
        if ((node.kind === "If" || node.kind === "While") && isBool(node.condition, false)) {
          report(node.kind === "If" ? node.then : node.body, "this is never reached");
        }
        return true;
      },
    });
  },
};

function isBool(condition: { readonly kind: string }, value: boolean): boolean {
  return condition.kind === "Literal" && "value" in condition && condition.value === value;
}

/** Does control never come out at the end of this statement? */
function leaves(statement: Statement): boolean {
  switch (statement.kind) {
    case "Return":
    case "Throw":
    case "Break":
    case "Continue":
      return true;
    case "Block":
      return statement.body.some(leaves);
    case "If":
      return statement.otherwise !== null && leaves(statement.then) && leaves(statement.otherwise);
    case "Try":
      return leaves(statement.body) && leaves(statement.handler);
    case "Switch":
      return (
        statement.arms.some(({ labels }) => labels.length === 0) && statement.arms.every(({ body }) => leaves(body))
      );
    case "Loop":
      return !breaksOut(statement.body);
    default:
      return false;
  }
}

/** Is there a `break` that ends this loop, not one inside? */
function breaksOut(body: Block): boolean {
  let found = false;
  walk(body, {
    enter: (node) => {
      if (node.kind === "Break") found = true;
      return !["Loop", "While", "For", "Do", "Closure"].includes(node.kind);
    },
  });
  return found;
}
