import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type FunctionInfo, type MapLiteral, unparen, walk } from "@blockvisor/rhai";
import { placeOf } from "./place.ts";

const HEALTH = ["healthy", "neutral", "unhealthy"];

/** NIB504 no `protocol_status()`, NIB514 a literal result that cannot be a status. */
export function statusFindings(main: Ast): Diagnostic[] {
  const status = main.functions.find((fn) => fn.name === "protocol_status" && fn.params.length === 0);
  if (!status) {
    return [
      {
        code: "NIB504",
        severity: "warning",
        message: "the plugin has no protocol_status()",
        file: main.source.name,
        help: 'add fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }',
      },
    ];
  }
  return statusMaps(status).flatMap((map) => mapFindings(main, map));
}

/** MAP literals that name a state or a health: what else would they be for? */
function statusMaps(status: FunctionInfo): MapLiteral[] {
  const maps: MapLiteral[] = [];
  walk(status.node, {
    enter(node) {
      if (node.kind === "Map" && node.entries.some((entry) => entry.key === "health")) maps.push(node);
      return true;
    },
  });
  return maps;
}

function mapFindings(main: Ast, map: MapLiteral): Diagnostic[] {
  const finding = (message: string, start: number, end: number): Diagnostic => {
    return {
      code: "NIB514",
      severity: "error",
      message,
      ...placeOf(main.source, { start, end }),
      help: `a status is #{ state: "…", health: ${HEALTH.map((one) => `"${one}"`).join(" | ")} }`,
    };
  };
  const findings: Diagnostic[] = [];
  if (!map.entries.some((entry) => entry.key === "state"))
    findings.push(finding("this status has no `state`", map.start, map.end));
  for (const { key, value } of map.entries) {
    const literal = unparen(value);
    if (literal.kind !== "Literal" || (key !== "health" && key !== "state")) continue;
    const known = typeof literal.value === "string" && (key === "state" || HEALTH.includes(literal.value));
    if (!known) findings.push(finding(`this is not a ${key}`, literal.start, literal.end));
  }
  return findings;
}
