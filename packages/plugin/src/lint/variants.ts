import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Expr, type MapLiteral, unparen, walk } from "@blockvisor/rhai";

/** NIB302: a table that is looked up by `node_env().node_variant` and has no entry for the variant. */
export function variantFindings(main: Ast, variant: string): Diagnostic[] {
  const tables = topLevelMaps(main);
  const findings: Diagnostic[] = [];
  walk(main.program, {
    enter(node) {
      if (node.kind !== "Index" || !isNodeVariant(node.index)) return true;
      const table = unparen(node.object);
      const map = table.kind === "Map" ? table : table.kind === "Variable" ? tables.get(table.name) : undefined;
      if (map && !map.entries.some((entry) => entry.key === variant)) {
        const [start, end] = [main.source.position(node.index.start), main.source.position(node.index.end)];
        findings.push({
          code: "NIB302",
          severity: "warning",
          message: `the table has no entry for variant '${variant}'`,
          file: main.source.name,
          range: { start: { line: start.line, column: start.column }, end: { line: end.line, column: end.column } },
          help: `it has: ${map.entries.map((entry) => entry.key).join(", ")}`,
        });
      }
      return true;
    },
  });
  return findings;
}

function topLevelMaps(main: Ast): ReadonlyMap<string, MapLiteral> {
  const maps = new Map<string, MapLiteral>();
  for (const statement of main.program.body) {
    if (statement.kind !== "Let" || !statement.init) continue;
    const value = unparen(statement.init);
    if (value.kind === "Map") maps.set(statement.name.name, value);
  }
  return maps;
}

function isNodeVariant(expr: Expr): boolean {
  const node = unparen(expr);
  if (node.kind !== "Member" || node.name !== "node_variant") return false;
  const object = unparen(node.object);
  return object.kind === "Call" && object.name === "node_env";
}
