import { arithmetic, functionNotFound } from "../errors/throwing.ts";
import { checkArraySize, checkMapSize, checkTextSize } from "../run/sizes.ts";
import { display } from "../text/format.ts";
import { utf8Decode, utf8Encode } from "../text/utf8.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import type { Char } from "../values/char.ts";
import { share } from "../values/copy.ts";
import { Float } from "../values/float.ts";
import type { Int } from "../values/int.ts";
import * as int from "../values/int.ts";
import type { RhaiMap } from "../values/map.ts";
import { Range } from "../values/range.ts";
import { Tag } from "../values/tag.ts";
import { untag } from "../values/tagged.ts";
import type { Timestamp } from "../values/timestamp.ts";
import { tagOf, type Value } from "../values/value.ts";
import { type Comparison, compare } from "./compare.ts";
import { addSeconds, secondsBetween } from "./time.ts";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "**" | "<<" | ">>" | "&" | "|" | "^" | ".." | "..=";
export type Operator = ArithmeticOperator | Comparison;

/** Every built-in binary operator over every pair of types (spec 3.2, 4.2). Raises without a place. */
export function binary(op: Operator, left: Value, right: Value): Value {
  switch (op) {
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=": {
      const result = compare(op, left, right);
      if (result === undefined) break;
      return result;
    }
    default: {
      const result = calculate(op, untag(left), untag(right));
      if (result === NONE) break;
      return result;
    }
  }
  throw functionNotFound(op, [left, right]);
}

/** No such operator for these types; never seen by scripts. */
const NONE = new Range(0, 0, true);

function calculate(op: ArithmeticOperator, a: Value, b: Value): Value {
  const ta = tagOf(a);
  const tb = tagOf(b);
  if (ta === Tag.Int && tb === Tag.Int) return intBinary(op, a as Int, b as Int);
  if (ta === Tag.Float && tb === Tag.Float) return floatBinary(op, (a as Float).n, (b as Float).n);
  if (ta === Tag.Int && tb === Tag.Float) return floatBinary(op, Number(a), (b as Float).n);
  if (ta === Tag.Float && tb === Tag.Int) return floatBinary(op, (a as Float).n, Number(b));
  switch (op) {
    case "+":
      return plus(a, b, ta, tb);
    case "-":
      return minus(a, b, ta, tb);
    case "&":
      return ta === Tag.Bool && tb === Tag.Bool ? (a as boolean) && (b as boolean) : NONE;
    case "|":
      return ta === Tag.Bool && tb === Tag.Bool ? (a as boolean) || (b as boolean) : NONE;
    case "^":
      return ta === Tag.Bool && tb === Tag.Bool ? a !== b : NONE;
    case "..":
    case "..=":
      return makeRange(a, b, ta, tb, op === "..=");
    default:
      return NONE;
  }
}

/** A bound may be `()`, which stands for the end of that side. */
function makeRange(a: Value, b: Value, ta: Tag, tb: Tag, inclusive: boolean): Value {
  const isBound = (tag: Tag) => tag === Tag.Int || tag === Tag.Unit;
  if (!isBound(ta) || !isBound(tb)) return NONE;
  return new Range((a ?? 0) as Int, (b ?? int.INT_MAX) as Int, inclusive);
}

function intBinary(op: ArithmeticOperator, a: Int, b: Int): Value {
  switch (op) {
    case "+":
      return int.add(a, b) ?? overflow("Addition overflow", op, a, b);
    case "-":
      return int.subtract(a, b) ?? overflow("Subtraction overflow", op, a, b);
    case "*":
      return int.multiply(a, b) ?? overflow("Multiplication overflow", op, a, b);
    case "/":
      if (b === 0) return overflow("Division by zero", op, a, b);
      return int.divide(a, b) ?? overflow("Division overflow", op, a, b);
    case "%":
      return (b === 0 ? null : int.remainder(a, b)) ?? overflow("Modulo division by zero or overflow", op, a, b);
    case "**":
      if (b < 0) return overflow("Integer raised to a negative power", op, a, b);
      return (b > 4294967295 ? null : int.power(a, Number(b))) ?? overflow("Exponential overflow", op, a, b);
    case "<<":
      return int.shiftLeft(a, b);
    case ">>":
      return int.shiftRight(a, b);
    case "&":
      return int.and(a, b);
    case "|":
      return int.or(a, b);
    case "^":
      return int.xor(a, b);
    default:
      return new Range(a, b, op === "..=");
  }
}

function overflow(what: string, op: string, a: Int, b: Int): never {
  throw arithmetic(`${what}: ${a} ${op} ${b}`);
}

function floatBinary(op: ArithmeticOperator, x: number, y: number): Value {
  switch (op) {
    case "+":
      return new Float(x + y);
    case "-":
      return new Float(x - y);
    case "*":
      return new Float(x * y);
    case "/":
      return new Float(x / y);
    case "%":
      return new Float(x % y);
    case "**":
      return new Float(power(x, y));
    default:
      return NONE;
  }
}

/** C `pow`: 1 to any power and -1 to an infinite power are 1. */
function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Number.POSITIVE_INFINITY || y === Number.NEGATIVE_INFINITY))) return 1;
  return x ** y;
}

function plus(a: Value, b: Value, ta: Tag, tb: Tag): Value {
  if (ta === Tag.String || tb === Tag.String) {
    const text = concatText(a, ta) + concatText(b, tb);
    checkTextSize(text);
    return text;
  }
  if (ta === Tag.Char && tb === Tag.Char) return (a as Char).text + (b as Char).text;
  if (ta === Tag.Array && tb === Tag.Array) {
    const items = [...(a as RhaiArray).items, ...(b as RhaiArray).items];
    checkArraySize(items.length);
    for (const item of items) if (typeof item === "object") share(item);
    return new RhaiArray(items);
  }
  if (ta === Tag.Map && tb === Tag.Map) {
    const map = (a as RhaiMap).copy();
    mixin(map, b as RhaiMap);
    return map;
  }
  if (ta === Tag.Blob && (tb === Tag.Blob || tb === Tag.Char)) {
    const tail = tb === Tag.Blob ? (b as Blob).bytes : utf8Encode((b as Char).text);
    return new Blob(joinBytes((a as Blob).bytes, tail));
  }
  if (ta === Tag.Timestamp && (tb === Tag.Int || tb === Tag.Float)) return addSeconds(a as Timestamp, b as Int | Float);
  return NONE;
}

function concatText(value: Value, tag: Tag): string {
  return tag === Tag.Blob ? utf8Decode((value as Blob).bytes) : display(value);
}

export function joinBytes(head: Uint8Array, tail: Uint8Array): Uint8Array {
  checkArraySize(head.length + tail.length);
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

/** Adds all entries, overwriting. */
export function mixin(map: RhaiMap, other: RhaiMap): void {
  for (const key of other.keys()) map.set(key, share(other.get(key)));
  checkMapSize(map.size);
}

function minus(a: Value, b: Value, ta: Tag, tb: Tag): Value {
  if (ta === Tag.String && tb === Tag.String) return b === "" ? a : (a as string).replaceAll(b as string, "");
  if (ta === Tag.String && tb === Tag.Char) return (a as string).replaceAll((b as Char).text, "");
  if (ta !== Tag.Timestamp) return NONE;
  if (tb === Tag.Timestamp) return new Float(secondsBetween(b as Timestamp, a as Timestamp));
  if (tb === Tag.Int || tb === Tag.Float) return addSeconds(a as Timestamp, b as Int | Float, true);
  return NONE;
}

/** `-x`, `+x`, `!x`. Raises without a place. */
export function unary(op: "-" | "+" | "!", operand: Value): Value {
  const value = untag(operand);
  if (op === "!") {
    if (typeof value === "boolean") return !value;
  } else if (typeof value === "number" || typeof value === "bigint") {
    if (op === "+") return value;
    const result = int.negate(value);
    if (result === null) throw arithmetic(`Negation overflow: -${value}`);
    return result;
  } else if (value instanceof Float) return op === "+" ? value : new Float(-value.n);
  throw functionNotFound(op, [operand]);
}
