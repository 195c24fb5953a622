import { arithmetic } from "../errors/throwing.ts";
import { trimSpace } from "../text/white-space.ts";
import { Float } from "../values/float.ts";
import { INT_MAX, INT_MIN, type Int, narrow } from "../values/int.ts";
import { parseJson } from "./json-parser.ts";
import type { Library } from "./library.ts";

/** `parse_int`, `parse_float`, `parse_json` (spec 13.1, 15.3). */
export function addParsing(library: Library): void {
  library
    .fn("parse_int", "s", (text: string) => parseInteger(text, 10))
    .fn("parse_int", "si", (text: string, radix: Int) => {
      if (radix < 2 || radix > 36) throw arithmetic(`Invalid radix: '${radix}'`);
      return parseInteger(text, Number(radix));
    })
    .fn("parse_float", "s", parseDecimal)
    .fn("parse_json", "s", (text: string) => parseJson(text));
}

function parseInteger(text: string, radix: number): Int {
  const trimmed = trimSpace(text);
  const fail = (why: string) => arithmetic(`Error parsing integer number '${text}': ${why}`);
  if (trimmed === "") throw fail("cannot parse integer from empty string");
  const negative = trimmed.startsWith("-");
  const digits = negative || trimmed.startsWith("+") ? trimmed.slice(1) : trimmed;
  if (digits === "") throw fail("invalid digit found in string");
  let value = 0n;
  const base = BigInt(radix);
  for (const c of digits) {
    const digit = digitValue(c);
    if (digit < 0 || digit >= radix) throw fail("invalid digit found in string");
    if (value <= INT_MAX) value = value * base + BigInt(digit);
  }
  if (negative) value = -value;
  if (value > INT_MAX) throw fail("number too large to fit in target type");
  if (value < INT_MIN) throw fail("number too small to fit in target type");
  return narrow(value);
}

function digitValue(c: string): number {
  const code = c.charCodeAt(0);
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 122) return code - 87;
  if (code >= 65 && code <= 90) return code - 55;
  return -1;
}

function parseDecimal(text: string): Float {
  const trimmed = trimSpace(text);
  if (trimmed === "")
    throw arithmetic(`Error parsing floating-point number '${text}': cannot parse float from empty string`);
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (word !== null) {
    const value = word[2]!.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY;
    return new Float(word[1] === "-" ? -value : value);
  }
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) {
    throw arithmetic(`Error parsing floating-point number '${text}': invalid float literal`);
  }
  return new Float(Number(trimmed));
}
