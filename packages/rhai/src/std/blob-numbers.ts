import { utf8Encode } from "../text/utf8.ts";
import type { Blob } from "../values/blob.ts";
import { Float } from "../values/float.ts";
import { type Int, wrap } from "../values/int.ts";
import { Range } from "../values/range.ts";
import type { Library } from "./library.ts";
import { type Window, windowOf } from "./windows.ts";

type Bounds = readonly [Int | Range, (Int | undefined)?];

/** Numbers and texts inside blobs (spec 15.8). At most 8 bytes of a window make up a number. */
export function addBlobNumbers(library: Library): void {
  for (const order of ["le", "be"] as const) {
    library
      .fn(`parse_${order}_int`, "Bii Br BR", (b: Blob, ...bounds: Bounds) =>
        wrap(readBits(b, window(b, bounds), order)),
      )
      .fn(
        `parse_${order}_float`,
        "Bii Br BR",
        (b: Blob, ...bounds: Bounds) => new Float(toFloat(readBits(b, window(b, bounds), order))),
      )
      .mutator(`write_${order}`, "Biii Biif", (b: Blob, start: Int, n: Int, value: Int | Float) =>
        write(b, window(b, [start, n]), image(value, order)),
      )
      .mutator(`write_${order}`, "Bri BRi Brf BRf", (b: Blob, range: Range, value: Int | Float) =>
        write(b, window(b, [range]), image(value, order)),
      );
  }
  library
    .mutator("write_utf8", "Biis", (b: Blob, start: Int, n: Int, text: string) =>
      write(b, window(b, [start, n]), utf8Encode(text)),
    )
    .mutator("write_utf8", "Brs BRs", (b: Blob, range: Range, text: string) =>
      write(b, window(b, [range]), utf8Encode(text)),
    )
    .mutator("write_ascii", "Biis", (b: Blob, start: Int, n: Int, text: string) =>
      write(b, window(b, [start, n]), ascii(text)),
    )
    .mutator("write_ascii", "Brs BRs", (b: Blob, range: Range, text: string) =>
      write(b, window(b, [range]), ascii(text)),
    );
}

function window(b: Blob, [start, n]: Bounds): Window {
  return start instanceof Range ? windowOf(start, undefined, b.bytes.length) : windowOf(start, n, b.bytes.length);
}

/** Little-endian bytes are extended with zeros; big-endian ones are placed from the most significant end. */
function readBits(b: Blob, { from, to }: Window, order: "le" | "be"): bigint {
  const bytes = b.bytes.subarray(from, Math.min(to, from + 8));
  let bits = 0n;
  bytes.forEach((byte, i) => {
    bits |= BigInt(byte) << BigInt(8 * (order === "le" ? i : 7 - i));
  });
  return bits;
}

function toFloat(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, bits));
  return view.getFloat64(0);
}

/** The 8 bytes of a number. */
function image(value: Int | Float, order: "le" | "be"): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  if (value instanceof Float) view.setFloat64(0, value.n, order === "le");
  else view.setBigInt64(0, BigInt(value), order === "le");
  return new Uint8Array(view.buffer);
}

function write(b: Blob, { from, to }: Window, bytes: Uint8Array): undefined {
  b.bytes.set(bytes.subarray(0, to - from), from);
  return undefined;
}

/** Characters beyond ASCII are left out. */
function ascii(text: string): Uint8Array {
  return Uint8Array.from([...text].map((c) => c.charCodeAt(0)).filter((code) => code < 128));
}
