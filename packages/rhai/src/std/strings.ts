import { checkTextLength, checkTextSize } from "../run/sizes.ts";
import { vm } from "../run/vm.ts";
import { codePointIndex, codePointLength, sliceCodePoints, utf8Length, utf16Offset } from "../text/code-points.ts";
import { display } from "../text/format.ts";
import { utf8Decode, utf8Encode } from "../text/utf8.ts";
import { trimSpace } from "../text/white-space.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { type Char, charOf } from "../values/char.ts";
import { clampToSafe, type Int } from "../values/int.ts";
import type { Range } from "../values/range.ts";
import type { Value } from "../values/value.ts";
import type { Library } from "./library.ts";
import { position, windowOf } from "./windows.ts";

const textOf = (value: string | Char): string => (typeof value === "string" ? value : value.text);

/** Strings are immutable: a mutating method leaves the new string behind. */
function become(text: string): undefined {
  vm.receiver = text;
  return undefined;
}

/** Strings and characters (spec 15.4), except for the functions that take them apart. */
export function addStrings(library: Library): void {
  library
    .property("len", "s", (s: string) => codePointLength(s), "Number of characters.")
    .property("bytes", "s", (s: string) => utf8Length(s))
    .property("is_empty", "s", (s: string) => s === "")
    .replacer("clear", "s", () => become(""))
    .replacer("truncate", "si", (s: string, n: Int) =>
      become(n <= 0 ? "" : sliceCodePoints(s, 0, Math.min(clampToSafe(n), s.length))),
    )
    .replacer("trim", "s", (s: string) => become(trimSpace(s)), "Removes white space at both ends, in place.")
    .replacer("pop", "s", (s: string) => {
      if (s === "") return undefined;
      const length = codePointLength(s);
      become(sliceCodePoints(s, 0, length - 1));
      return charOf(sliceCodePoints(s, length - 1, length));
    })
    .replacer("pop", "si", (s: string, n: Int) => {
      const length = codePointLength(s);
      const at = Math.max(0, length - Math.max(0, clampToSafe(n)));
      become(sliceCodePoints(s, 0, at));
      return sliceCodePoints(s, at, length);
    })
    .fn("to_upper", "s", (s: string) => s.toUpperCase())
    .fn("to_lower", "s", (s: string) => s.toLowerCase())
    .replacer("make_upper", "s", (s: string) => become(s.toUpperCase()))
    .replacer("make_lower", "s", (s: string) => become(s.toLowerCase()))
    .fn("to_upper", "c", (c: Char) => mapped(c, c.text.toUpperCase()))
    .fn("to_lower", "c", (c: Char) => mapped(c, c.text.toLowerCase()))
    .replacer("make_upper", "c", (c: Char) => {
      vm.receiver = mapped(c, c.text.toUpperCase());
      return undefined;
    })
    .replacer("make_lower", "c", (c: Char) => {
      vm.receiver = mapped(c, c.text.toLowerCase());
      return undefined;
    })
    .fn("contains", "ss sc", (s: string, part: string | Char) => s.includes(textOf(part)))
    .fn("starts_with", "ss sc", (s: string, part: string | Char) => s.startsWith(textOf(part)))
    .fn("ends_with", "ss sc", (s: string, part: string | Char) => s.endsWith(textOf(part)))
    .fn("index_of", "ss sc", (s: string, part: string | Char) => find(s, textOf(part), 0))
    .fn("index_of", "ssi sci", (s: string, part: string | Char, start: Int) => {
      const length = codePointLength(s);
      const from = start < 0 ? Math.max(0, length + clampToSafe(start)) : clampToSafe(start);
      return from >= length ? -1 : find(s, textOf(part), utf16Offset(s, from));
    })
    .fn("get", "si", (s: string, i: Int) => {
      const at = position(i, codePointLength(s));
      return at < 0 ? undefined : charOf(sliceCodePoints(s, at, at + 1));
    })
    .replacer("set", "sic", (s: string, i: Int, c: Char) => {
      const at = position(i, codePointLength(s));
      if (at < 0) return undefined;
      return become(s.slice(0, utf16Offset(s, at)) + c.text + s.slice(utf16Offset(s, at + 1)));
    })
    .fn("sub_string", "si sii sr sR", (s: string, a: Int | Range, b?: Int) => cut(s, a, b))
    .replacer("crop", "si sii sr sR", (s: string, a: Int | Range, b?: Int) => become(cut(s, a, b)))
    .replacer("replace", "sss ssc scs scc", (s: string, what: string | Char, by: string | Char) => {
      const text = replaceAll(s, textOf(what), textOf(by));
      checkTextSize(text);
      return become(text);
    })
    .replacer("remove", "ss sc", (s: string, what: string | Char) =>
      become(textOf(what) === "" ? s : s.replaceAll(textOf(what), "")),
    )
    .replacer("pad", "sis sic", (s: string, n: Int, filler: string | Char) => {
      const length = codePointLength(s);
      if (n <= length || textOf(filler) === "") return undefined;
      checkTextLength(clampToSafe(n));
      const part = textOf(filler);
      const missing = clampToSafe(n) - length;
      const text = s + sliceCodePoints(part.repeat(Math.ceil(missing / codePointLength(part))), 0, missing);
      checkTextSize(text);
      return become(text);
    })
    .replacer("append", "s*", (s: string, value: Value) => {
      const text = s + (value instanceof Blob ? utf8Decode(value.bytes) : display(value));
      checkTextSize(text);
      return become(text);
    })
    .fn("to_chars", "s", (s: string) => new RhaiArray([...s].map(charOf)))
    .fn("to_blob", "s", (s: string) => new Blob(utf8Encode(s)));
}

/** A mapping to more than one character leaves the character as it is. */
function mapped(c: Char, text: string): Char {
  return [...text].length === 1 ? charOf(text) : c;
}

function find(s: string, part: string, from: number): number {
  if (s === "") return -1;
  const at = s.indexOf(part, from);
  return at < 0 ? -1 : codePointIndex(s, at);
}

function cut(s: string, a: Int | Range, b: Int | undefined): string {
  const { from, to } = windowOf(a, b, codePointLength(s));
  return sliceCodePoints(s, from, to);
}

/** An empty pattern matches between all characters and at both ends. */
function replaceAll(s: string, what: string, by: string): string {
  if (what !== "") return s.replaceAll(what, () => by);
  return by + [...s].map((c) => c + by).join("");
}
