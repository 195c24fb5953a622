import { arithmetic } from "../errors/throwing.ts";
import { integerDigits } from "../text/float-text.ts";
import type { Char } from "../values/char.ts";
import { Float } from "../values/float.ts";
import { INT_MAX, type Int, narrow } from "../values/int.ts";
import type { Library } from "./library.ts";

/** FLOAT functions and conversions (spec 15.3). */
export function addMath(library: Library): void {
  const functions: Readonly<Record<string, (x: number) => number>> = {
    sin: Math.sin,
    cos: Math.cos,
    tan: Math.tan,
    asin: Math.asin,
    acos: Math.acos,
    atan: Math.atan,
    sinh: Math.sinh,
    cosh: Math.cosh,
    tanh: Math.tanh,
    asinh: Math.asinh,
    acosh: Math.acosh,
    atanh: Math.atanh,
    sqrt: Math.sqrt,
    exp: Math.exp,
    ln: Math.log,
    log: Math.log10,
    to_degrees: (x) => x * (180 / Math.PI),
    to_radians: (x) => x * (Math.PI / 180),
  };
  for (const [name, f] of Object.entries(functions)) library.fn(name, "f", (x: Float) => new Float(f(x.n)));
  const properties: Readonly<Record<string, (x: number) => number>> = {
    floor: Math.floor,
    ceiling: Math.ceil,
    round: (x) => (x < 0 ? -Math.round(-x) : roundUp(x)),
    int: Math.trunc,
    fraction: (x) => x - Math.trunc(x),
  };
  for (const [name, f] of Object.entries(properties)) library.property(name, "f", (x: Float) => new Float(f(x.n)));
  library
    .property("is_nan", "f", (x: Float) => Number.isNaN(x.n))
    .property("is_finite", "f", (x: Float) => Number.isFinite(x.n))
    .property("is_infinite", "f", (x: Float) => x.n === Number.POSITIVE_INFINITY || x.n === Number.NEGATIVE_INFINITY)
    .fn("atan", "ff", (x: Float, y: Float) => new Float(Math.atan2(x.n, y.n)))
    .fn("hypot", "ff", (x: Float, y: Float) => new Float(Math.hypot(x.n, y.n)))
    .fn("log", "ff", (x: Float, base: Float) => new Float(Math.log(x.n) / Math.log(base.n)))
    .fn("PI", "()", () => new Float(Math.PI))
    .fn("E", "()", () => new Float(Math.E))
    .fn("to_int", "i", (x: Int) => x)
    .fn("to_int", "f", (x: Float) => floatToInt(x.n))
    .fn("to_int", "c", (x: Char) => x.codePoint)
    .fn("to_float", "i", (x: Int) => new Float(Number(x)))
    .fn("to_float", "f", (x: Float) => x)
    .fn("to_hex", "i", (x: Int) => bits(x, 16))
    .fn("to_octal", "i", (x: Int) => bits(x, 8))
    .fn("to_binary", "i", (x: Int) => bits(x, 2));
}

/** Half away from zero; adding 0.5 would be wrong just below it. */
function roundUp(x: number): number {
  const whole = Math.floor(x);
  return x - whole >= 0.5 ? whole + 1 : whole;
}

const TWO_TO_63 = 2 ** 63;

/** Truncates; NaN is 0; exactly 2⁶³ saturates. */
function floatToInt(x: number): Int {
  if (Number.isNaN(x)) return 0;
  const whole = Math.trunc(x);
  if (whole > TWO_TO_63 || whole < -TWO_TO_63) throw arithmetic(`Integer overflow: to_int(${integerDigits(x)})`);
  if (whole === TWO_TO_63) return INT_MAX;
  return Number.isSafeInteger(whole) ? whole + 0 : narrow(BigInt(whole));
}

function bits(x: Int, radix: number): string {
  return (x < 0 ? BigInt.asUintN(64, BigInt(x)) : x).toString(radix);
}
