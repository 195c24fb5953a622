import { checkArraySize } from "../run/sizes.ts";
import { codePointLength, sliceCodePoints } from "../text/code-points.ts";
import { splitSpace } from "../text/white-space.ts";
import { RhaiArray } from "../values/array.ts";
import { type Char, charOf } from "../values/char.ts";
import { clampToSafe, type Int } from "../values/int.ts";
import { SequenceValue } from "../values/iterator.ts";
import type { Range } from "../values/range.ts";
import type { Library } from "./library.ts";
import { windowOf } from "./windows.ts";

const textOf = (value: string | Char): string => (typeof value === "string" ? value : value.text);

/** `split`, `split_rev`, `chars`. */
export function addStringPieces(library: Library): void {
  library
    .fn("split", "s", (s: string) => {
      const pieces = splitSpace(s);
      return new RhaiArray(pieces.length === 0 && s === "" ? [""] : pieces);
    })
    .fn("split", "ss sc", (s: string, by: string | Char) => array(pieces(s, textOf(by))))
    .fn("split", "ssi sci", (s: string, by: string | Char, n: Int) => array(limited(s, textOf(by), clampToSafe(n))))
    .fn("split", "si", (s: string, i: Int) => {
      const length = codePointLength(s);
      const at = i < 0 ? Math.max(0, length + clampToSafe(i)) : clampToSafe(i);
      if (i === 0 || at >= length) return new RhaiArray([s, ""]);
      return new RhaiArray([sliceCodePoints(s, 0, at), sliceCodePoints(s, at, length)]);
    })
    .fn("split_rev", "ss sc", (s: string, by: string | Char) => array(pieces(s, textOf(by)).reverse()))
    .fn("split_rev", "ssi sci", (s: string, by: string | Char, n: Int) =>
      array(limitedFromEnd(s, textOf(by), clampToSafe(n))),
    )
    .property("chars", "s", (s: string) => characters(s))
    .fn("chars", "si sii sr sR", (s: string, a: Int | Range, b?: Int) => {
      const { from, to } = windowOf(a, b, codePointLength(s));
      return characters(sliceCodePoints(s, from, to));
    });
}

function array(texts: string[]): RhaiArray {
  checkArraySize(texts.length);
  return new RhaiArray(texts);
}

/** An empty delimiter is found between all characters and at both ends. */
function pieces(s: string, by: string): string[] {
  return by === "" ? ["", ...s, ""] : s.split(by);
}

function limited(s: string, by: string, n: number): string[] {
  if (n <= 1) return [s];
  const all = pieces(s, by);
  return all.length <= n ? all : [...all.slice(0, n - 1), all.slice(n - 1).join(by)];
}

function limitedFromEnd(s: string, by: string, n: number): string[] {
  if (n <= 1) return [s];
  const all = pieces(s, by);
  if (all.length <= n) return all.reverse();
  const rest = all.length - n + 1;
  return [...all.slice(rest).reverse(), all.slice(0, rest).join(by)];
}

function characters(s: string): SequenceValue {
  return new SequenceValue("rhai::packages::iter_basic::CharsStream", function* () {
    for (const c of s) yield charOf(c);
  });
}
