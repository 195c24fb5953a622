import type { Range } from "@blockvisor/image";
import { type Ast, type Block, type Expr, unparen } from "@blockvisor/rhai";

/** Where a path of the config, or the closest thing around it, is written: as far as `plugin_config()` ends in literals. */
export function locateInConfig(main: Ast, path: string): Range | undefined {
  const fn = main.functions.find((one) => one.name === "plugin_config" && one.params.length === 0);
  if (!fn) return undefined;
  const { name, nameStart, body } = fn.node;
  let span = { start: nameStart, end: nameStart + name.length };
  let expr = resultOf(body);
  for (const [, key, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    const node = expr && unparen(expr);
    if (node?.kind === "Map" && key !== undefined) {
      const entry = node.entries.find((one) => one.key === key);
      if (!entry) break;
      span = { start: entry.keyStart, end: entry.keyEnd };
      expr = entry.value;
    } else if (node?.kind === "Array" && index !== undefined) {
      const item = node.items[Number(index)];
      if (!item) break;
      span = { start: item.start, end: item.end };
      expr = item;
    } else break;
  }
  const leaf = expr && unparen(expr);
  if (leaf?.kind === "Literal" || leaf?.kind === "InterpolatedString") span = { start: leaf.start, end: leaf.end };
  const [start, end] = [main.source.position(span.start), main.source.position(span.end)];
  return { start: { line: start.line, column: start.column }, end: { line: end.line, column: end.column } };
}

function resultOf(body: Block): Expr | undefined {
  const last = body.body.at(-1);
  if (last?.kind === "Expression") return last.expr;
  return last?.kind === "Return" ? (last.value ?? undefined) : undefined;
}
