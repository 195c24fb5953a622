import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Block, type Expr, unparen, walk } from "@blockvisor/rhai";
import { holdersOf, parametersIn } from "./parameters.ts";
import { placeOf } from "./place.ts";

/** Keys of the config whose texts a shell runs. */
const SHELL_KEYS: ReadonlySet<string> = new Set(["run_sh", "run"]);

/**
 * NIB517: a value that whoever creates a node chose, in a text that a shell runs, not quoted (spec plugin-api.md §2 Do better). Followed
 * through joined texts, `??` and variables; what a function made of it (`shell_quote`, `parse_int` …) is not the value any more.
 */
export function shellWordFindings({ program, source }: Ast): Diagnostic[] {
  const isParams = parametersIn(program);
  const isValue = (expr: Expr): boolean => {
    const node = unparen(expr);
    if (node.kind === "Logical") return node.op === "??" && (isValue(node.left) || isValue(node.right));
    return (node.kind === "Index" || node.kind === "Member") && isParams(node.object);
  };
  const holders = holdersOf(program, isValue);
  const isUnquoted = (expr: Expr): boolean => {
    const node = unparen(expr);
    return isValue(node) || (node.kind === "Variable" && holders.has(node.name));
  };

  const found = new Map<number, Diagnostic>();
  const look = (expr: Expr | undefined): void => {
    if (expr === undefined) return;
    const node = unparen(expr);
    if (isUnquoted(node)) {
      found.set(node.start, {
        code: "NIB517",
        severity: "warning",
        message: "a parameter of the node is part of what a shell runs",
        ...placeOf(source, node),
        help: "shell_quote(…) makes one word of it, whatever it is",
      });
    } else if (node.kind === "InterpolatedString") for (const block of node.blocks) look(resultOf(block));
    else if (node.kind === "Binary" && node.op === "+") for (const side of [node.left, node.right]) look(side);
  };
  walk(program, {
    enter(node) {
      if (node.kind === "Call" && node.path.length === 0 && node.name === "run_sh") look(node.args[0]);
      else if (node.kind === "Map") {
        for (const { key, value } of node.entries) {
          const list = unparen(value);
          if (SHELL_KEYS.has(key)) look(value);
          else if (key === "commands" && list.kind === "Array") for (const command of list.items) look(command);
        }
      }
      return true;
    },
  });
  return [...found.values()];
}

function resultOf({ body }: Block): Expr | undefined {
  const last = body.at(-1);
  return last?.kind === "Expression" ? last.expr : undefined;
}
