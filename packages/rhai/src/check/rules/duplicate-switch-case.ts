import type { Expr, SwitchStatement } from "../../ast/node.ts";
import { unparen } from "../../ast/positions.ts";
import { walk } from "../../ast/walk.ts";
import type { Report, Rule } from "../rule.ts";

export const duplicateSwitchCase: Rule = {
  severity: "warning",
  about: "a label of `switch` that an earlier arm without condition already takes",
  check: ({ program, text }, report) => {
    walk(program, {
      enter: (node) => {
        if (node.kind === "Switch") inspect(node, text, report);
        return true;
      },
    });
  },
};

interface Interval {
  readonly from: bigint;
  readonly to: bigint;
}

function inspect({ arms }: SwitchStatement, text: string, report: Report): void {
  const taken = new Set<string>();
  const intervals: Interval[] = [];
  for (const { labels, guard } of arms) {
    for (const label of labels) {
      const interval = intervalOf(label);
      const key = keyOf(label, text);
      const inside = interval !== null && intervals.some(({ from, to }) => from <= interval.from && interval.to <= to);
      if (taken.has(key) || inside) report(label, "an earlier case already takes this");
      if (guard !== null) continue;
      taken.add(key);
      if (interval !== null) intervals.push(interval);
    }
  }
}

/** The integers of a range label, both ends included; null for other labels. */
function intervalOf(label: Expr): Interval | null {
  const range = unparen(label);
  if (range.kind !== "Binary") return null;
  const [from, to] = [unparen(range.left), unparen(range.right)];
  if (from.kind !== "Literal" || to.kind !== "Literal") return null;
  return { from: BigInt(from.value as number), to: BigInt(to.value as number) - (range.op === ".." ? 1n : 0n) };
}

/** Equal for labels that match the same values: cases compare by type and value (spec 6.3). */
function keyOf(label: Expr, text: string): string {
  const expr = unparen(label);
  switch (expr.kind) {
    case "Literal":
      return `${expr.type} ${typeof expr.value === "object" ? text.slice(expr.start, expr.end) : String(expr.value)}`;
    case "Array":
      return `[${expr.items.map((item) => keyOf(item, text)).join()}]`;
    case "Map": {
      const entries = expr.entries.map(({ key, value }) => `${JSON.stringify(key)}:${keyOf(value, text)}`);
      return `{${entries.sort().join()}}`;
    }
    default:
      return text.slice(expr.start, expr.end);
  }
}
