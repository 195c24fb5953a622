import type { Binary, Expr } from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import type { Site } from "../run/vm.ts";
import { MAX_SAFE } from "../values/int.ts";
import { Range } from "../values/range.ts";
import type { Value } from "../values/value.ts";
import { slowBinary } from "./binary-operators.ts";
import type { Exec } from "./exec.ts";
import { compileBorrowed } from "./expressions.ts";
import { constantOf } from "./fold.ts";
import type { FunctionScope } from "./function-scope.ts";
import { localSlot, type Operand, operand } from "./operand.ts";

/**
 * `(a * b + c) % m` without bigints: products beyond the safe range stay exact as an unevaluated sum of two doubles
 * (Dekker's product) until the remainder brings them back. Generators and hashes are made of this.
 */

/** Says that the value is in `wide`: only seen between the closures of this file. */
const WIDE: Value = new Range(0, 0, false);
const wide = new Float64Array(2);

/** Products below are certainly 64-bit integers; what is larger goes the slow way. */
const LARGEST = 9.2e18;
const SPLITTER = 134217729;
/** Numbers up to here can be added to the low part exactly. */
const ADDABLE = 2 ** 52;

/** `left % constant` where the left side multiplies; null for other shapes. */
export function compileWideRemainder(s: FunctionScope, left: Expr, right: Operand, site: Site): Exec | null {
  const m = right.constant;
  if (m === null || m < 2 || m > ADDABLE || !multiplies(left)) return null;
  const dividend = compileWide(s, left);
  const isPowerOfTwo = 2 ** Math.round(Math.log2(m)) === m;
  const general: Exec = (f) => {
    const a = dividend(f);
    if (a !== WIDE) return typeof a === "number" ? (a % m) + 0 : slowBinary("%", a, m, site);
    const high = wide[0]!;
    const rest = ((isPowerOfTwo ? high - Math.trunc(high / m) * m : high % m) + wide[1]!) % m;
    if (high > 0) return rest < 0 ? rest + m : rest + 0;
    return rest > 0 ? rest - m : rest + 0;
  };
  return (isPowerOfTwo && m <= 2 ** 31 ? lowBits(s, left, m - 1, general) : null) ?? general;
}

/** `(v * constant + constant) % power of two` of numbers that are not negative: the low bits of the sum are enough. */
function lowBits(s: FunctionScope, outer: Expr, mask: number, general: Exec): Exec | null {
  const expr = unparen(outer) as Binary;
  if (expr.op === "-") return null;
  const product = expr.op === "*" ? expr : (unparen(expr.left) as Binary);
  const added = expr.op === "*" ? 0 : constantOf(s, expr.right)?.value;
  const slot = localSlot(s, product.left);
  const by = constantOf(s, product.right)?.value;
  if (product.op !== "*" || slot < 0 || !isSmall(by) || !isSmall(added)) return null;
  return (f) => {
    const value = f[slot];
    if (typeof value !== "number" || value < 0 || value !== (value | 0)) return general(f);
    return (Math.imul(value, by) + added) & mask;
  };
}

/** 31 bits: the product of two such numbers and the sum with a third fit an INT. */
function isSmall(n: Value): n is number {
  return typeof n === "number" && n >= 0 && n === (n | 0);
}

function multiplies(outer: Expr): boolean {
  const expr = unparen(outer);
  if (expr.kind !== "Binary") return false;
  return expr.op === "*" || ((expr.op === "+" || expr.op === "-") && multiplies(expr.left));
}

function compileWide(s: FunctionScope, outer: Expr): Exec {
  const expr = unparen(outer);
  if (expr.kind !== "Binary" || !multiplies(expr)) return compileBorrowed(s, outer);
  const site = s.site(expr.pos, expr.opEnd);
  const right = operand(s, expr.right);
  if (expr.op === "*") return product(operand(s, expr.left), right, site);
  return sum(compileWide(s, expr.left), right.exec, expr.op === "+" ? "+" : "-", site);
}

function product(l: Operand, r: Operand, site: Site): Exec {
  const left = l.exec;
  const right = r.exec;
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a !== "number" || typeof b !== "number") return slowBinary("*", a, b, site);
    const high = a * b;
    if (high <= MAX_SAFE && high >= -MAX_SAFE) return high + 0;
    if (high > LARGEST || high < -LARGEST) return slowBinary("*", a, b, site);
    const ta = SPLITTER * a;
    const ah = ta - (ta - a);
    const al = a - ah;
    const tb = SPLITTER * b;
    const bh = tb - (tb - b);
    const bl = b - bh;
    wide[0] = high;
    wide[1] = ah * bh - high + ah * bl + al * bh + al * bl;
    return WIDE;
  };
}

function sum(left: Exec, right: Exec, op: "+" | "-", site: Site): Exec {
  const sign = op === "+" ? 1 : -1;
  return (f) => {
    const a = left(f);
    const high = wide[0]!;
    const low = wide[1]!;
    const b = right(f);
    if (a !== WIDE) {
      if (typeof a === "number" && typeof b === "number") {
        const n = a + sign * b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n + 0;
      }
      return slowBinary(op, a, b, site);
    }
    if (typeof b !== "number" || b > ADDABLE || b < -ADDABLE) return slowBinary(op, exact(high, low), b, site);
    const added = low + sign * b;
    const total = high + added;
    if (total > LARGEST || total < -LARGEST) return slowBinary(op, exact(high, low), b, site);
    const part = total - high;
    wide[0] = total;
    wide[1] = high - (total - part) + (added - part);
    return WIDE;
  };
}

function exact(high: number, low: number): bigint {
  return BigInt(high) + BigInt(low);
}
