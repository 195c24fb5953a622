import { bitBounds } from "../errors/throwing.ts";
import { getBit, getBits, setBit, setBits } from "../ops/bits.ts";
import { vm } from "../run/vm.ts";
import { clampToSafe, INT_MAX, type Int } from "../values/int.ts";
import { SequenceValue } from "../values/iterator.ts";
import { Range } from "../values/range.ts";
import type { Library } from "./library.ts";
import { windowOf } from "./windows.ts";

interface Field {
  readonly start: number;
  readonly count: number;
}

function become(value: Int): undefined {
  vm.receiver = value;
  return undefined;
}

/** INTs as bit fields (spec 15.10). */
export function addBits(library: Library): void {
  library
    .fn("get_bit", "ii", getBit)
    .replacer("set_bit", "iib", (x: Int, i: Int, on: boolean) => become(setBit(x, i, on)))
    .fn("get_bits", "iii ir iR", (x: Int, a: Int | Range, b?: Int) => {
      const { start, count } = field(a, b);
      return getBits(x, start, count);
    })
    .replacer("set_bits", "iiii", (x: Int, a: Int, b: Int, value: Int) => {
      const { start, count } = field(a, b);
      return become(setBits(x, start, count, value));
    })
    .replacer("set_bits", "iri iRi", (x: Int, range: Range, value: Int) => {
      const { start, count } = field(range, undefined);
      return become(setBits(x, start, count, value));
    })
    .property("bits", "i", (x: Int) => sequence(x, 0, 64))
    .fn("bits", "ii iii ir iR", (x: Int, a: Int | Range, b?: Int) => {
      if (typeof a !== "object") field(a, 64);
      const { from, to } = windowOf(a, b, 64);
      return sequence(x, from, to);
    });
}

/** Start and number of bits; a start before the field counts from the most significant bit. */
function field(a: Int | Range, b: Int | undefined): Field {
  if (a instanceof Range) {
    const from = Math.max(0, clampToSafe(a.from));
    const to = Math.max(0, clampToSafe(a.to));
    const end = a.inclusive ? to + 1 : to;
    if (from >= 64) throw bitBounds(a.from);
    if (a.to !== INT_MAX && end > 64) throw bitBounds(a.to);
    return { start: from, count: Math.min(64, end) - from };
  }
  if (b! <= 0) return { start: 0, count: 0 };
  const start = a < 0 ? 64 + clampToSafe(a) : clampToSafe(a);
  if (start < 0 || start >= 64) throw bitBounds(a);
  return { start, count: Math.max(0, Math.min(clampToSafe(b!), 64 - start)) };
}

function sequence(x: Int, from: number, to: number): SequenceValue {
  return new SequenceValue("rhai::packages::iter_basic::BitRange", function* () {
    for (let i = from; i < to; i++) yield ((BigInt(x) >> BigInt(i)) & 1n) === 1n;
  });
}
