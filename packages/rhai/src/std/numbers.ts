import { arithmetic } from "../errors/throwing.ts";
import { compareText } from "../text/code-points.ts";
import type { Char } from "../values/char.ts";
import { Float } from "../values/float.ts";
import { type Int, negate } from "../values/int.ts";
import type { Value } from "../values/value.ts";
import type { Library } from "./library.ts";

/** Sign, parity, `min` and `max` (spec 15.2). */
export function addNumbers(library: Library): void {
  library
    .fn("abs", "i", (x: Int) => {
      if (x >= 0) return x;
      const result = negate(x);
      if (result === null) throw arithmetic(`Negation overflow: -${x}`);
      return result;
    })
    .fn("abs", "f", (x: Float) => new Float(Math.abs(x.n)))
    .fn("sign", "i", (x: Int) => (x > 0 ? 1 : x < 0 ? -1 : 0))
    .fn("sign", "f", (x: Float) => {
      if (Number.isNaN(x.n)) throw arithmetic("Sign of NaN is undefined");
      return Math.sign(x.n) + 0;
    })
    .property("is_zero", "i", (x: Int) => x === 0)
    .property("is_zero", "f", (x: Float) => x.n === 0)
    .property("is_odd", "i", (x: Int) => (BigInt(x) & 1n) === 1n)
    .property("is_even", "i", (x: Int) => (BigInt(x) & 1n) === 0n);
  for (const [name, wanted] of [
    ["max", 1],
    ["min", -1],
  ] as const) {
    library
      .fn(name, "ii", (a: Int, b: Int) => pick(a, b, a < b ? -1 : a > b ? 1 : 0, wanted))
      .fn(name, "ff fi if", (a: Int | Float, b: Int | Float) => {
        return new Float(extreme(number(a), number(b), wanted));
      })
      .fn(name, "ss", (a: string, b: string) => pick(a, b, compareText(a, b), wanted))
      .fn(name, "cc", (a: Char, b: Char) => pick(a, b, a.codePoint - b.codePoint, wanted));
  }
}

function number(x: Int | Float): number {
  return x instanceof Float ? x.n : Number(x);
}

/** The first of two equal numbers; with NaN on either side, the second. */
function extreme(x: number, y: number, wanted: number): number {
  return (wanted > 0 ? x >= y : x <= y) ? x : y;
}

function pick(a: Value, b: Value, order: number, wanted: number): Value {
  return order * wanted >= 0 ? a : b;
}
