import type { Expr } from "../ast/node.ts";
import type { Script } from "./script.ts";

/** Type names as `type_of` gives them; null when nothing is certain. */
export type InferredType = "()" | "bool" | "i64" | "f64" | "char" | "string" | "array" | "map" | "Fn" | null;

const LITERAL_TYPES = { unit: "()", bool: "bool", int: "i64", float: "f64", char: "char", string: "string" } as const;

/** Functions that give the same type whatever they are called with. */
const RESULTS: Readonly<Record<string, InferredType>> = {
  len: "i64",
  to_string: "string",
  to_debug: "string",
  type_of: "string",
  parse_int: "i64",
  parse_float: "f64",
  to_int: "i64",
  to_float: "f64",
  to_json: "string",
  is_empty: "bool",
  starts_with: "bool",
  ends_with: "bool",
  contains: "bool",
  keys: "array",
  to_upper: null,
};

const MOST_STEPS = 20;

/** What an expression is certain to be: from literals, operators, and variables that are never assigned again. */
export function inferType(script: Script, expr: Expr, steps = MOST_STEPS): InferredType {
  if (steps === 0) return null;
  switch (expr.kind) {
    case "Literal":
      return LITERAL_TYPES[expr.type];
    case "InterpolatedString":
      return "string";
    case "Array":
      return "array";
    case "Map":
      return "map";
    case "Closure":
      return "Fn";
    case "Paren":
      return inferType(script, expr.expr, steps - 1);
    case "Unary":
      return expr.op === "!" ? "bool" : numeric(inferType(script, expr.operand, steps - 1));
    case "Logical":
      return expr.op === "??" ? null : "bool";
    case "Binary":
      return binary(expr.op, inferType(script, expr.left, steps - 1), inferType(script, expr.right, steps - 1));
    case "Variable": {
      const binding = script.resolved.get(expr);
      if (binding === undefined || binding.declaration === null || binding.writes.length > 0 || binding.escapes)
        return null;
      const { init } = binding.declaration;
      return init === null ? "()" : inferType(script, init, steps - 1);
    }
    case "Call":
    case "MethodCall": {
      const isOwn =
        script.functions.some(({ name }) => name === expr.name) || (expr.kind === "Call" && expr.path.length > 0);
      return isOwn ? null : (RESULTS[expr.name] ?? null);
    }
    default:
      return null;
  }
}

function numeric(type: InferredType): InferredType {
  return type === "i64" || type === "f64" ? type : null;
}

function binary(op: string, left: InferredType, right: InferredType): InferredType {
  if (["==", "!=", "<", "<=", ">", ">=", "in", "!in"].includes(op)) return "bool";
  if (["..", "..="].includes(op)) return null;
  if (op === "+" && (left === "string" || right === "string")) return "string";
  if (left === null || right === null) return null;
  if (numeric(left) && numeric(right)) return left === "f64" || right === "f64" ? "f64" : "i64";
  return left === right && (left === "array" || left === "map") ? left : null;
}
