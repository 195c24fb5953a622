import { HeapValue, Tag } from "./tag.ts";

/** A character: exactly one Unicode scalar value. Made by {@link char}, which shares the ASCII ones. */
export class Char extends HeapValue {
  readonly tag = Tag.Char;
  readonly codePoint: number;
  readonly text: string;
  constructor(codePoint: number) {
    super();
    this.codePoint = codePoint;
    this.text = String.fromCodePoint(codePoint);
  }
}

const ascii: Char[] = [];

/** The character of a code point. */
export function char(codePoint: number): Char {
  if (codePoint >= 128) return new Char(codePoint);
  return (ascii[codePoint] ??= new Char(codePoint));
}

/** The character of a one-character string. */
export function charOf(text: string): Char {
  return char(text.codePointAt(0)!);
}
