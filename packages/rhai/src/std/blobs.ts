import { joinBytes } from "../ops/arithmetic.ts";
import { checkArraySize } from "../run/sizes.ts";
import { utf8Decode, utf8Encode } from "../text/utf8.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import type { Char } from "../values/char.ts";
import { clampToSafe, type Int } from "../values/int.ts";
import { Range } from "../values/range.ts";
import type { Library } from "./library.ts";
import { position, type Window, windowOf } from "./windows.ts";

const byteOf = (value: Int): number => Number(BigInt.asUintN(8, BigInt(value)));

function cut(b: Blob, { from, to }: Window): Blob {
  const removed = b.bytes.slice(from, to);
  b.bytes = joinBytes(b.bytes.subarray(0, from), b.bytes.subarray(to));
  return new Blob(removed);
}

/** Byte arrays (spec 15.8), except for numbers and texts in them. */
export function addBlobs(library: Library): void {
  library
    .fn("blob", "()", () => new Blob(new Uint8Array(0)))
    .fn("blob", "i", (n: Int) => filled(n, 0))
    .fn("blob", "ii", (n: Int, value: Int) => filled(n, byteOf(value)))
    .property("len", "B", (b: Blob) => b.bytes.length)
    .property("is_empty", "B", (b: Blob) => b.bytes.length === 0)
    .fn("contains", "Bi", (b: Blob, value: Int) => b.bytes.includes(byteOf(value)))
    .fn("get", "Bi", (b: Blob, i: Int) => {
      const at = place(i, b.bytes.length);
      return at < 0 ? 0 : b.bytes[at]!;
    })
    .mutator("set", "Bii", (b: Blob, i: Int, value: Int) => {
      const at = place(i, b.bytes.length);
      if (at >= 0) b.bytes[at] = byteOf(value);
      return undefined;
    })
    .mutator("push", "Bi", (b: Blob, value: Int) => append(b, Uint8Array.of(byteOf(value))))
    .mutator("append", "Bi", (b: Blob, value: Int) => append(b, Uint8Array.of(byteOf(value))))
    .mutator("append", "BB", (b: Blob, other: Blob) => append(b, other.bytes))
    .mutator("append", "Bs", (b: Blob, text: string) => append(b, utf8Encode(text)))
    .mutator("append", "Bc", (b: Blob, c: Char) => append(b, utf8Encode(c.text)))
    .mutator("insert", "Bii", (b: Blob, i: Int, value: Int) => {
      const { length } = b.bytes;
      const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : Math.min(length, clampToSafe(i));
      b.bytes = joinBytes(joinBytes(b.bytes.subarray(0, at), Uint8Array.of(byteOf(value))), b.bytes.subarray(at));
      return undefined;
    })
    .mutator("pad", "Bii", (b: Blob, n: Int, value: Int) => {
      if (n > b.bytes.length) append(b, filled(clampToSafe(n) - b.bytes.length, byteOf(value)).bytes);
      return undefined;
    })
    .mutator("pop", "B", (b: Blob) => remove(b, b.bytes.length - 1))
    .mutator("shift", "B", (b: Blob) => remove(b, 0))
    .mutator("remove", "Bi", (b: Blob, i: Int) => remove(b, position(i, b.bytes.length)))
    .mutator("clear", "B", (b: Blob) => keep(b, 0, 0))
    .mutator("truncate", "Bi", (b: Blob, n: Int) => keep(b, 0, Math.min(b.bytes.length, Math.max(0, clampToSafe(n)))))
    .mutator("chop", "Bi", (b: Blob, n: Int) =>
      keep(b, Math.max(0, b.bytes.length - Math.max(0, clampToSafe(n))), b.bytes.length),
    )
    .mutator("reverse", "B", (b: Blob) => {
      b.bytes.reverse();
      return undefined;
    })
    .mutator("splice", "BiiB", (b: Blob, start: Int, n: Int, by: Blob) =>
      replace(b, windowOf(start, n, b.bytes.length), by),
    )
    .mutator("splice", "BrB BRB", (b: Blob, range: Range, by: Blob) =>
      replace(b, windowOf(range, undefined, b.bytes.length), by),
    )
    .fn("extract", "Bi Bii Br BR", (b: Blob, start: Int | Range, n?: Int) => {
      const { from, to } = windowOf(start, n, b.bytes.length);
      return new Blob(b.bytes.slice(from, to));
    })
    .mutator("split", "Bi", (b: Blob, i: Int) => {
      const { length } = b.bytes;
      const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : Math.min(length, clampToSafe(i));
      return cut(b, { from: at, to: length });
    })
    .mutator("drain", "Bii Br BR", (b: Blob, start: Int | Range, n?: Int) => cut(b, windowOf(start, n, b.bytes.length)))
    .mutator("retain", "Bii Br BR", (b: Blob, start: Int | Range, n?: Int) => {
      const { from, to } = windowOf(start, n, b.bytes.length);
      if (to === from && asksForNothing(start, n)) return new Blob(new Uint8Array(0));
      const removed = joinBytes(b.bytes.subarray(0, from), b.bytes.subarray(to));
      b.bytes = b.bytes.slice(from, to);
      return new Blob(removed);
    })
    .fn("to_array", "B", (b: Blob) => new RhaiArray([...b.bytes]))
    .fn("as_string", "B", (b: Blob) => utf8Decode(b.bytes), "Text of UTF-8 bytes; invalid ones become U+FFFD.");
}

function filled(n: Int, byte: number): Blob {
  const length = Math.max(0, clampToSafe(n));
  checkArraySize(length);
  return new Blob(new Uint8Array(length).fill(byte));
}

function place(i: Int, length: number): number {
  const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : clampToSafe(i);
  return at < length ? at : -1;
}

/** A window without length, as opposed to one that lies behind the end. */
function asksForNothing(start: Int | Range, n: Int | undefined): boolean {
  if (start instanceof Range) return !start.inclusive && start.to <= start.from;
  return n !== undefined && n <= 0;
}

function append(b: Blob, tail: Uint8Array): undefined {
  b.bytes = joinBytes(b.bytes, tail);
  return undefined;
}

function remove(b: Blob, at: number): number {
  if (at < 0 || at >= b.bytes.length) return 0;
  return cut(b, { from: at, to: at + 1 }).bytes[0]!;
}

function keep(b: Blob, from: number, to: number): undefined {
  b.bytes = b.bytes.slice(from, to);
  return undefined;
}

function replace(b: Blob, { from, to }: Window, by: Blob): undefined {
  b.bytes = joinBytes(joinBytes(b.bytes.subarray(0, from), by.bytes), b.bytes.subarray(to));
  return undefined;
}
