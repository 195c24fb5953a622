import { compare } from "./arguments.ts";
import type { BinaryOperator } from "./ast.ts";
import { type Span, TemplateFailure } from "./source.ts";
import { equal, isList, isMap, isNumber, kindOf, printed, type Value } from "./value.ts";

/** Operators that need both sides; `and` and `or` are the renderer's. */
export function operate(operator: Exclude<BinaryOperator, "and" | "or">, left: Value, right: Value, span: Span): Value {
  switch (operator) {
    case "==":
      return equal(left, right);
    case "!=":
      return !equal(left, right);
    case "~":
      return printed(left) + printed(right);
    case "in":
      return isIn(left, right, span);
    case "not in":
      return !isIn(left, right, span);
    case "<":
    case "<=":
    case ">":
    case ">=":
      return ordered(operator, left, right, span);
    default:
      return calculate(operator, left, right, span);
  }
}

function isIn(item: Value, of: Value, span: Span): boolean {
  if (isList(of)) return of.some((each) => equal(each, item));
  if (typeof of === "string" && typeof item === "string") return of.includes(item);
  if (isMap(of) && typeof item === "string") return Object.hasOwn(of, item);
  throw new TemplateFailure(span, `'in' cannot look for ${kindOf(item)} in ${kindOf(of)}`);
}

function ordered(operator: "<" | "<=" | ">" | ">=", left: Value, right: Value, span: Span): boolean {
  const order = isNumber(left) === isNumber(right) ? compare(left, right) : undefined;
  if (order === undefined) {
    throw new TemplateFailure(span, `'${operator}' cannot compare ${kindOf(left)} and ${kindOf(right)}`);
  }
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

/** Integers stay exact; a division is always a float. */
function calculate(operator: "+" | "-" | "*" | "/" | "%", left: Value, right: Value, span: Span): Value {
  if (!isNumber(left) || !isNumber(right)) {
    const hint = operator === "+" ? "; strings are joined with '~'" : "";
    throw new TemplateFailure(span, `'${operator}' needs numbers, not ${kindOf(left)} and ${kindOf(right)}${hint}`);
  }
  if ((operator === "/" || operator === "%") && Number(right) === 0)
    throw new TemplateFailure(span, "division by zero");
  if (operator === "/") return Number(left) / Number(right);
  const exact = Number.isInteger(Number(left)) && Number.isInteger(Number(right));
  if (!exact) return withFloats(operator, Number(left), Number(right));
  const result = withIntegers(operator, BigInt(left), BigInt(right));
  return BigInt(Number(result)) === result && Number.isSafeInteger(Number(result)) ? Number(result) : result;
}

function withFloats(operator: "+" | "-" | "*" | "%", left: number, right: number): number {
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  return operator === "*" ? left * right : left % right;
}

function withIntegers(operator: "+" | "-" | "*" | "%", left: bigint, right: bigint): bigint {
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  return operator === "*" ? left * right : left % right;
}
