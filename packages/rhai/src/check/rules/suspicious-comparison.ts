import type { Binary, Expr } from "../../ast/node.ts";
import { unparen } from "../../ast/positions.ts";
import { walk } from "../../ast/walk.ts";
import { type InferredType, inferType } from "../infer-type.ts";
import type { Rule } from "../rule.ts";

const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);

export const suspiciousComparison: Rule = {
  severity: "warning",
  about: "a comparison of values whose types never compare equal, or with the name of a type that does not exist",
  check: (script, report) => {
    walk(script.program, {
      enter: (node) => {
        if (node.kind !== "Binary" || !COMPARISONS.has(node.op)) return true;
        const left = inferType(script, node.left);
        const right = inferType(script, node.right);
        if (left !== null && right !== null && !comparable(left, right)) {
          const result = node.op === "!=" ? "true" : "false";
          report(node, `comparing ${left} with ${right} is always ${result}`, convert(left, right));
        }
        const wrong = wrongTypeName(node);
        if (wrong !== null)
          report(wrong.at, `'type_of' never gives "${wrong.name}"`, `the name is "${TYPE_NAMES[wrong.name]}"`);
        return true;
      },
    });
  },
};

function comparable(left: NonNullable<InferredType>, right: NonNullable<InferredType>): boolean {
  if (left === right) return true;
  const kinds = (type: InferredType) => (type === "f64" ? "i64" : type === "char" ? "string" : type);
  return kinds(left) === kinds(right);
}

function convert(left: InferredType, right: InferredType): string | null {
  const types = [left, right];
  if (types.includes("string") && types.includes("i64")) return "convert one side with 'parse_int(…)' or 'to_string()'";
  return null;
}

/** What people write for the names that `type_of` gives. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: "i64",
  integer: "i64",
  float: "f64",
  number: "i64",
  boolean: "bool",
  str: "string",
  String: "string",
  object: "map",
  list: "array",
  Array: "array",
  Map: "map",
  function: "Fn",
  null: "()",
};

function wrongTypeName({ left, right }: Binary): { readonly at: Expr; readonly name: string } | null {
  for (const [call, literal] of [
    [unparen(left), unparen(right)],
    [unparen(right), unparen(left)],
  ] as const) {
    const isTypeOf = (call.kind === "Call" || call.kind === "MethodCall") && call.name === "type_of";
    if (!isTypeOf || literal.kind !== "Literal" || typeof literal.value !== "string") continue;
    if (Object.hasOwn(TYPE_NAMES, literal.value)) return { at: literal, name: literal.value };
  }
  return null;
}
