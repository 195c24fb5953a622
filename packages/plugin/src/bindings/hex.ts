import type { Int } from "@blockvisor/rhai";

/** A text that cannot be read; the message is the reference's. */
export class ParseFailure extends Error {}

/** `0x` prefix optional and in lower case, sign before the digits but after the prefix, range of i64. */
export function parseHex(text: string): Int {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  const [, sign, magnitude] = /^([+-]?)(.*)$/s.exec(digits)!;
  if (digits === "") throw new ParseFailure("cannot parse integer from empty string");
  if (!/^[0-9a-fA-F]+$/.test(magnitude!)) throw new ParseFailure("invalid digit found in string");
  const value = BigInt(`0x${magnitude}`) * (sign === "-" ? -1n : 1n);
  if (value > 2n ** 63n - 1n) throw new ParseFailure("number too large to fit in target type");
  if (value < -(2n ** 63n)) throw new ParseFailure("number too small to fit in target type");
  return Number.isSafeInteger(Number(value)) ? Number(value) + 0 : value;
}
