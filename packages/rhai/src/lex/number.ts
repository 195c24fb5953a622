import { Float } from "../values/float.ts";
import { INT_MAX, INT_MIN, type Int, narrow, wrap } from "../values/int.ts";

export interface NumberScan {
  /** Offset after the number. */
  readonly end: number;
  /** Null when malformed: `bad` is the text to show. */
  readonly value: Int | Float | null;
  readonly bad: string;
}

const isDigit = (c: number) => c >= 48 && c <= 57;

/** Scans a number that starts at `at` (a digit); `negative` when a `-` right before belongs to it (spec 1.4). */
export function scanNumber(text: string, at: number, negative: boolean): NumberScan {
  const radix = text.charCodeAt(at) === 48 ? radixOf(text.charCodeAt(at + 1)) : 0;
  if (radix !== 0) return scanRadix(text, at + 2, radix, negative);
  let end = at;
  let separated = false;
  let isFloat = false;
  let fraction = "";
  for (let c = text.charCodeAt(end); isDigit(c) || c === 95; c = text.charCodeAt(++end)) if (c === 95) separated = true;
  const digits = separated ? text.slice(at, end).replaceAll("_", "") : text.slice(at, end);
  if (text.charCodeAt(end) === 46 && end + 1 < text.length) {
    const next = text.charCodeAt(end + 1);
    if (isDigit(next)) {
      const from = ++end;
      for (let c = next; isDigit(c) || c === 95; c = text.charCodeAt(++end));
      fraction = text.slice(from, end).replaceAll("_", "");
      isFloat = true;
    } else if (next !== 46 && next !== 95 && !isLetter(next)) {
      end++;
      isFloat = true;
    }
  }
  let exponent = "";
  const e = text.charCodeAt(end);
  if (e === 101 || e === 69) {
    let from = end + 1;
    const sign = text.charCodeAt(from);
    if (sign === 43 || sign === 45) from++;
    if (isDigit(text.charCodeAt(from))) {
      let to = from;
      for (let c = text.charCodeAt(to); isDigit(c) || c === 95; c = text.charCodeAt(++to));
      exponent = `e${text.slice(end + 1, to).replaceAll("_", "")}`;
      end = to;
      isFloat = true;
    } else if (from > end + 1) {
      const bad = `${negative ? "-" : ""}${digits}${isFloat ? `.${fraction || "0"}` : ""}${text.slice(end, from)}`;
      return { end: from, value: null, bad };
    }
  }
  if (!isFloat) return { end, value: decimal(digits, negative), bad: "" };
  const value = Number(`${digits}.${fraction || "0"}${exponent}`);
  return { end, value: new Float(negative ? -value : value), bad: "" };
}

/** A decimal literal that does not fit INT becomes a FLOAT silently. */
function decimal(digits: string, negative: boolean): Int | Float {
  if (digits.length <= 15) return negative ? 0 - Number(digits) : Number(digits);
  const value = negative ? -BigInt(digits) : BigInt(digits);
  return value > INT_MAX || value < INT_MIN ? new Float(Number(value)) : narrow(value);
}

/** Radix literals are unsigned 64-bit numbers, reinterpreted. */
function scanRadix(text: string, from: number, radix: number, negative: boolean): NumberScan {
  let end = from;
  let digits = "";
  for (; ; end++) {
    const c = text.charCodeAt(end);
    if (c === 95) continue;
    if (!isRadixDigit(c, radix)) break;
    digits += text[end];
  }
  const prefix = radix === 16 ? "0x" : radix === 8 ? "0o" : "0b";
  const value = digits === "" ? -1n : BigInt(prefix + digits);
  if (value < 0n || value > 0xffffffffffffffffn) return { end, value: null, bad: digits };
  return { end, value: wrap(negative ? -value : value), bad: "" };
}

function radixOf(c: number): number {
  if (c === 120 || c === 88) return 16;
  if (c === 111 || c === 79) return 8;
  return c === 98 || c === 66 ? 2 : 0;
}

function isRadixDigit(c: number, radix: number): boolean {
  if (radix === 16) return isDigit(c) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70);
  return c >= 48 && c < 48 + radix;
}

function isLetter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
}
