import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Expr, type MapLiteral, unparen, walk } from "@blockvisor/rhai";
import { placeOf } from "./place.ts";

/**
 * Tables that are looked up by `node_env().node_variant`: NIB302 one without an entry for the variant, NIB525 an entry for a variant that
 * babel.yaml does not have. `variants`: all that it has; none: they are not known.
 */
export function variantFindings(main: Ast, variant: string, variants: readonly string[]): Diagnostic[] {
  const tables = topLevelMaps(main);
  const findings: Diagnostic[] = [];
  walk(main.program, {
    enter(node) {
      if (node.kind !== "Index" || !isNodeVariant(node.index)) return true;
      const table = unparen(node.object);
      const map = table.kind === "Map" ? table : table.kind === "Variable" ? tables.get(table.name) : undefined;
      if (map && variants.length > 0) findings.push(...entriesOfNobody(main, map, variants));
      if (map && !map.entries.some((entry) => entry.key === variant)) {
        findings.push({
          code: "NIB302",
          severity: "warning",
          message: `the table has no entry for variant '${variant}'`,
          ...placeOf(main.source, node.index),
          help: `it has: ${map.entries.map((entry) => entry.key).join(", ")}`,
        });
      }
      return true;
    },
  });
  return findings;
}

function entriesOfNobody(main: Ast, { entries }: MapLiteral, variants: readonly string[]): Diagnostic[] {
  return entries
    .filter(({ key }) => !variants.includes(key))
    .map(({ key, keyStart, keyEnd }) => ({
      code: "NIB525",
      severity: "warning",
      message: `babel.yaml has no variant '${key}'`,
      ...placeOf(main.source, { start: keyStart, end: keyEnd }),
      help: `it has: ${variants.join(", ")}`,
    }));
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
