import { bitBounds } from "../errors/throwing.ts";
import { type Int, wrap } from "../values/int.ts";

/** Bit number of an index, negative from the most significant bit. */
function bitNumber(index: Int): bigint {
  const at = index < 0 ? BigInt(index) + 64n : BigInt(index);
  if (at < 0n || at > 63n) throw bitBounds(index);
  return at;
}

export function getBit(value: Int, index: Int): boolean {
  return ((BigInt(value) >> bitNumber(index)) & 1n) === 1n;
}

export function setBit(value: Int, index: Int, on: boolean): Int {
  const mask = 1n << bitNumber(index);
  return wrap(on ? BigInt(value) | mask : BigInt(value) & ~mask);
}

/** `count` bits from bit `start`. A field that includes bit 63 comes out sign-extended, as in the reference. */
export function getBits(value: Int, start: number, count: number): Int {
  if (count <= 0) return 0;
  const field = mask(start, count);
  return wrap(BigInt.asIntN(64, BigInt(value) & field) >> BigInt(start));
}

export function setBits(value: Int, start: number, count: number, bits: Int): Int {
  if (count <= 0) return value;
  const field = mask(start, count);
  return wrap((BigInt(value) & ~field) | ((BigInt(bits) << BigInt(start)) & field));
}

function mask(start: number, count: number): bigint {
  return BigInt.asUintN(64, ((1n << BigInt(count)) - 1n) << BigInt(start));
}
