/**
 * INT: a signed 64-bit integer. Canonical form: a JavaScript number when the value is a safe integer, a bigint
 * otherwise. -0 never becomes an INT.
 */
export type Int = number | bigint;

export const INT_MAX = 9223372036854775807n;
export const INT_MIN = -9223372036854775808n;
export const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Canonical form of a bigint that is known to fit 64 bits. */
export function narrow(value: bigint): Int {
  return value <= 9007199254740991n && value >= -9007199254740991n ? Number(value) : value;
}

/** Canonical form, or null when the value does not fit 64 bits. */
export function toInt(value: bigint): Int | null {
  return value > INT_MAX || value < INT_MIN ? null : narrow(value);
}

/** Reinterprets the low 64 bits as signed. */
export function wrap(value: bigint): Int {
  return narrow(BigInt.asIntN(64, value));
}

export function add(a: Int, b: Int): Int | null {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (sum <= MAX_SAFE && sum >= -MAX_SAFE) return sum;
  }
  return toInt(BigInt(a) + BigInt(b));
}

export function subtract(a: Int, b: Int): Int | null {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (difference <= MAX_SAFE && difference >= -MAX_SAFE) return difference;
  }
  return toInt(BigInt(a) - BigInt(b));
}

export function multiply(a: Int, b: Int): Int | null {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    if (product <= MAX_SAFE && product >= -MAX_SAFE) return product + 0;
  }
  return toInt(BigInt(a) * BigInt(b));
}

/** Truncating division; null on overflow. The divisor must not be zero. */
export function divide(a: Int, b: Int): Int | null {
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b) + 0;
  return toInt(BigInt(a) / BigInt(b));
}

/** Remainder with the sign of the dividend; null for MIN % -1. The divisor must not be zero. */
export function remainder(a: Int, b: Int): Int | null {
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
  if (a === INT_MIN && b === -1) return null;
  return narrow(BigInt(a) % BigInt(b));
}

export function negate(a: Int): Int | null {
  return typeof a === "number" ? 0 - a : toInt(-a);
}

/** a to the power of b for 0 <= b <= 4294967295; null on overflow. */
export function power(a: Int, b: number): Int | null {
  if (b === 0 || a === 1) return 1;
  if (a === 0) return 0;
  if (a === -1) return b % 2 === 0 ? 1 : -1;
  if (b > 63) return null;
  if (typeof a === "number") {
    const result = a ** b;
    if (result <= MAX_SAFE && result >= -MAX_SAFE) return result;
  }
  return toInt(BigInt(a) ** BigInt(b));
}

/** A negative count shifts the other way; 64 and more shifts everything out. */
export function shiftLeft(a: Int, b: Int): Int {
  if (b < 0) return shiftRight(a, b === INT_MIN ? INT_MAX : (negate(b) as Int));
  if (b >= 64) return 0;
  return wrap(BigInt(a) << BigInt(b));
}

export function shiftRight(a: Int, b: Int): Int {
  if (b < 0) return shiftLeft(a, b === INT_MIN ? INT_MAX : (negate(b) as Int));
  if (b >= 64) return a < 0 ? -1 : 0;
  if (typeof a === "number" && a === (a | 0)) return a >> Math.min(Number(b), 31);
  return wrap(BigInt(a) >> BigInt(b));
}

export function and(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number" && a === (a | 0) && b === (b | 0)) return a & b;
  return wrap(BigInt(a) & BigInt(b));
}

export function or(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number" && a === (a | 0) && b === (b | 0)) return a | b;
  return wrap(BigInt(a) | BigInt(b));
}

export function xor(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number" && a === (a | 0) && b === (b | 0)) return a ^ b;
  return wrap(BigInt(a) ^ BigInt(b));
}

export function compareInt(a: Int, b: Int): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The INT as an index clamped to the safe range, which no container reaches. */
export function clampToSafe(value: Int): number {
  if (typeof value === "number") return value;
  return value > 0n ? MAX_SAFE : -MAX_SAFE;
}
