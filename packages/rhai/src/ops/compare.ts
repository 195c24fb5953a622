import { RhaiError } from "../errors/rhai-error.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { compareText } from "../text/code-points.ts";
import type { RhaiArray } from "../values/array.ts";
import type { Blob } from "../values/blob.ts";
import type { Char } from "../values/char.ts";
import type { Float } from "../values/float.ts";
import type { RhaiMap } from "../values/map.ts";
import type { Range } from "../values/range.ts";
import { Tag } from "../values/tag.ts";
import { untag } from "../values/tagged.ts";
import type { Timestamp } from "../values/timestamp.ts";
import { tagOf, type Value } from "../values/value.ts";

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

const EPSILON = 2.220446049250313e-16;
const DEEPEST = 2000;

/** FLOAT comparison: relative epsilon for finite operands, IEEE as soon as one is not (spec 4.4, 22). */
function compareFloats(op: Comparison, x: number, y: number): boolean {
  if (Number.isFinite(x) && Number.isFinite(y)) {
    const max = x * y === 0 ? 1 : Math.max(Math.abs(x), Math.abs(y));
    const difference = (x - y) / max;
    switch (op) {
      case "==":
        return Math.abs(difference) <= EPSILON;
      case "!=":
        return Math.abs(difference) > EPSILON;
      case ">":
        return difference > EPSILON;
      case ">=":
        return difference > -EPSILON;
      case "<":
        return -difference > EPSILON;
      default:
        return -difference > -EPSILON;
    }
  }
  switch (op) {
    case "==":
      return x === y;
    case "!=":
      return x !== y;
    case ">":
      return x > y;
    case ">=":
      return x >= y;
    case "<":
      return x < y;
    default:
      return x <= y;
  }
}

function ordered(op: Comparison, order: number): boolean {
  switch (op) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    default:
      return order >= 0;
  }
}

/** The result of a comparison operator, or undefined when the types have none (`Function not found`). */
export function compare(op: Comparison, left: Value, right: Value): boolean | undefined {
  const a = untag(left);
  const b = untag(right);
  const ta = tagOf(a);
  const tb = tagOf(b);
  if (ta !== tb) return compareDifferent(op, a, b, ta, tb);
  const isEquality = op === "==" || op === "!=";
  switch (ta) {
    case Tag.Unit:
      return isEquality ? op === "==" : false;
    case Tag.Int: {
      const x = a as number;
      const y = b as number;
      return ordered(op, x < y ? -1 : x > y ? 1 : 0);
    }
    case Tag.Bool:
      return ordered(op, Number(a) - Number(b));
    case Tag.Float:
      return compareFloats(op, (a as Float).n, (b as Float).n);
    case Tag.Char:
      return ordered(op, (a as Char).codePoint - (b as Char).codePoint);
    case Tag.String:
      return ordered(op, compareText(a as string, b as string));
    case Tag.Timestamp: {
      const x = (a as Timestamp).nanos;
      const y = (b as Timestamp).nanos;
      return ordered(op, x < y ? -1 : x > y ? 1 : 0);
    }
    case Tag.Array:
    case Tag.Map:
    case Tag.Blob:
    case Tag.Range:
    case Tag.RangeInclusive:
      return isEquality ? sameValue(a, b, 0) === (op === "==") : undefined;
    default:
      return undefined;
  }
}

function compareDifferent(op: Comparison, a: Value, b: Value, ta: Tag, tb: Tag): boolean | undefined {
  if (ta === Tag.Int && tb === Tag.Float) return compareFloats(op, Number(a), (b as Float).n);
  if (ta === Tag.Float && tb === Tag.Int) return compareFloats(op, (a as Float).n, Number(b));
  if (ta === Tag.Char && tb === Tag.String) return compareCharString(op, (a as Char).text, b as string);
  if (ta === Tag.String && tb === Tag.Char) return compareCharString(op, a as string, (b as Char).text);
  if (op !== "==" && op !== "!=" && hasNoOrder(ta, tb)) return undefined;
  return op === "!=";
}

/** Pairs of different types that the reference knows other operators for: ordering them is an error. */
function hasNoOrder(ta: Tag, tb: Tag): boolean {
  if (ta === Tag.Blob && tb === Tag.Char) return true;
  return (ta === Tag.Range && tb === Tag.RangeInclusive) || (ta === Tag.RangeInclusive && tb === Tag.Range);
}

/** Ordering looks at the first two characters only; equality at everything. */
function compareCharString(op: Comparison, a: string, b: string): boolean {
  if (op === "==" || op === "!=") return (a === b) === (op === "==");
  return ordered(op, compareText([...a].slice(0, 2).join(""), [...b].slice(0, 2).join("")));
}

/** `==` as `contains`, `index_of`, `dedup` and nested values use it: types without `==` raise, except pointers (identity). */
export function sameValue(left: Value, right: Value, depth = 0): boolean {
  const a = untag(left);
  const b = untag(right);
  if (typeof a !== "object" && typeof a === typeof b) return a === b;
  const ta = tagOf(a);
  const tb = tagOf(b);
  if (ta !== tb) return compareDifferent("==", a, b, ta, tb) === true;
  if (depth > DEEPEST) throw new RhaiError("ErrorStackOverflow", "Stack overflow");
  switch (ta) {
    case Tag.Array: {
      const x = (a as RhaiArray).items;
      const y = (b as RhaiArray).items;
      return x === y || (x.length === y.length && x.every((item, i) => sameValue(item, y[i], depth + 1)));
    }
    case Tag.Map: {
      const x = a as RhaiMap;
      const y = b as RhaiMap;
      if (x === y) return true;
      return x.size === y.size && x.keys().every((key) => y.has(key) && sameValue(x.get(key), y.get(key), depth + 1));
    }
    case Tag.Blob: {
      const x = (a as Blob).bytes;
      const y = (b as Blob).bytes;
      return x.length === y.length && x.every((byte, i) => byte === y[i]);
    }
    case Tag.Range:
    case Tag.RangeInclusive:
      return (a as Range).from === (b as Range).from && (a as Range).to === (b as Range).to;
    case Tag.Fn:
      return a === b;
    default: {
      const result = compare("==", a, b);
      if (result === undefined) throw functionNotFound("==", [a, b]);
      return result;
    }
  }
}
