import type { Random } from "./random.ts";

const PIECES = [
  ..."(){}[],;:.+-*/%&|^<>=!?#'\"`$@~\\_",
  ...'#{ () .. ..= ?. ?[ ?? :: => == != <= >= && || ** << >> += -= /* */ // /// ${ !in #" "# == === -> ++ :='.split(
    " ",
  ),
  ..."let const fn if else switch while loop do until for in return throw break continue try catch import export as private this true false global Fn eval print".split(
    " ",
  ),
  ..."0 1 -1 0x 1e 1.5 1_000 99999999999999999999 0b2 'a' '' '\\x \"\\u{1}\" \"open `open \u0000 \u00a0 \ufeff é 😀 \ud800".split(
    " ",
  ),
  "\n",
  "\r",
  "\t",
];

/** Cuts a text into words, runs of blanks and single signs: close enough to tokens to break programs in telling ways. */
function pieces(text: string): string[] {
  return text.match(/\w+|\s+|[^\w\s]/gu) ?? [];
}

/** A program with a few pieces dropped, doubled, swapped, replaced or added, or cut off. */
export function mutate(text: string, random: Random): string {
  const parts = pieces(text);
  for (let edits = 1 + random.next(3); edits > 0 && parts.length > 0; edits--) {
    const at = random.next(parts.length);
    switch (random.next(7)) {
      case 0:
        parts.splice(at, 1);
        break;
      case 1:
        parts.splice(at, 0, parts[at]!);
        break;
      case 2: {
        const other = random.next(parts.length);
        [parts[at], parts[other]] = [parts[other]!, parts[at]!];
        break;
      }
      case 3:
        parts[at] = random.pick(PIECES);
        break;
      case 4:
        parts.splice(at, 0, random.pick(PIECES));
        break;
      case 5:
        parts.splice(at, random.next(parts.length));
        break;
      default: {
        const from = random.next(parts.length);
        parts.splice(at, 0, ...parts.slice(from, from + random.next(20)));
      }
    }
  }
  return parts.join("");
}

/** Deep nesting of one construct: the classic way to overflow a recursive parser, printer or evaluator. */
export function nest(random: Random): string {
  const [open, close] = random.pick([
    ["(", ")"],
    ["[", "]"],
    ["#{a: ", "}"],
    ["{ ", " }"],
    ["-", ""],
    ["!", ""],
    ["if true { ", " }"],
    ["`${", "}`"],
    ["|| ", ""],
    ["1 + ", ""],
    ["f(", ")"],
    ["/*", "*/"],
    ["switch 1 { _ => ", " }"],
    ["else if ", ""],
    ["a.", ""],
    ["a[", "]"],
    ["loop { ", " }"],
    ["() ?? ", ""],
    ["while ", " {}"],
    ["x = ", ""],
  ] as const);
  const levels = 10 ** (1 + random.next(5));
  return `${open.repeat(levels)}1${random.chance(80) ? close.repeat(levels) : ""}`;
}
