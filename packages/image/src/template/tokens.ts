import { type Source, type Span, TemplateFailure } from "./source.ts";

/** Pieces of a template: text, and what is between the delimiters. Comments are gone, whitespace control is applied. */
export type Piece = { readonly span: Span } & (
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print" | "tag"; readonly tokens: readonly Token[] }
);

export type Token = { readonly span: Span } & (
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "symbol"; readonly text: string }
);

const CLOSERS = { "{{": "}}", "{%": "%}", "{#": "#}" } as const;
type Opener = keyof typeof CLOSERS;

export function piecesOf(source: Source): readonly Piece[] {
  const pieces: Piece[] = [];
  const { text } = source;
  let at = 0;
  let trimNext = false;
  const addText = (from: number, to: number, trimEnd: boolean): void => {
    let shown = text.slice(from, to);
    if (trimNext) shown = shown.trimStart();
    if (trimEnd) shown = shown.trimEnd();
    if (shown !== "") pieces.push({ kind: "text", text: shown, span: { source, from, to } });
  };
  while (at < text.length) {
    const open = nextOpener(text, at);
    if (open < 0) break;
    const opener = text.slice(open, open + 2) as Opener;
    const closer = CLOSERS[opener];
    const trimBefore = text[open + 2] === "-";
    addText(at, open, trimBefore);
    const from = open + (trimBefore ? 3 : 2);
    const whole = { source, from: open, to: open + 2 };
    if (opener === "{#") {
      const close = text.indexOf(closer, from);
      if (close < 0) throw new TemplateFailure(whole, "this comment is never closed, '#}' is missing");
      trimNext = text[close - 1] === "-" && close - 1 >= from;
      at = close + 2;
      continue;
    }
    const { tokens, end } = tokensUntil(source, from, closer, whole);
    const trimAfter = text[end - 1] === "-";
    at = end + 2;
    if (opener === "{%" && tokens.length === 1 && tokens[0]?.text === "raw") {
      trimNext = trimAfter;
      const raw = rawEnd(text, at);
      if (raw === undefined)
        throw new TemplateFailure({ ...whole, to: at }, "'raw' is never closed, '{% endraw %}' is missing");
      addText(at, raw.from, raw.trimBefore);
      trimNext = raw.trimAfter;
      at = raw.to;
      continue;
    }
    trimNext = trimAfter;
    pieces.push({ kind: opener === "{{" ? "print" : "tag", tokens, span: { source, from: open, to: at } });
  }
  addText(at, text.length, false);
  return pieces;
}

function nextOpener(text: string, from: number): number {
  for (let at = text.indexOf("{", from); at >= 0; at = text.indexOf("{", at + 1)) {
    if ("{%#".includes(text[at + 1] ?? " ")) return at;
  }
  return -1;
}

function rawEnd(
  text: string,
  from: number,
):
  | { readonly from: number; readonly to: number; readonly trimBefore: boolean; readonly trimAfter: boolean }
  | undefined {
  const pattern = /\{%(-?)\s*endraw\s*(-?)%\}/g;
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  return { from: match.index, to: pattern.lastIndex, trimBefore: match[1] === "-", trimAfter: match[2] === "-" };
}

const SYMBOLS = [
  "::",
  "==",
  "!=",
  "<=",
  ">=",
  "<",
  ">",
  "+",
  "-",
  "*",
  "/",
  "%",
  "~",
  "|",
  ".",
  ",",
  "=",
  "(",
  ")",
  "[",
  "]",
];

/** Tokens up to a closer that is not inside a string. */
function tokensUntil(
  source: Source,
  from: number,
  closer: string,
  opener: Span,
): { readonly tokens: readonly Token[]; readonly end: number } {
  const { text } = source;
  const tokens: Token[] = [];
  for (let at = from; ; ) {
    if (at >= text.length) throw new TemplateFailure(opener, `never closed, '${closer}' is missing`);
    if (text.startsWith(closer, at) || text.startsWith(`-${closer}`, at)) {
      return { tokens, end: text[at] === "-" ? at + 1 : at };
    }
    if (/\s/.test(text[at]!)) {
      at += 1;
      continue;
    }
    const token = tokenAt(source, at);
    tokens.push(token);
    at = token.span.to;
  }
}

function tokenAt(source: Source, from: number): Token {
  const { text } = source;
  const span = (to: number): Span => ({ source, from, to });
  const first = text[from]!;
  if (first === '"' || first === "'" || first === "`") {
    const close = text.indexOf(first, from + 1);
    if (close < 0) throw new TemplateFailure(span(from + 1), `this string is never closed, ${first} is missing`);
    return { kind: "string", text: text.slice(from + 1, close), span: span(close + 1) };
  }
  const word = matchAt(/[A-Za-z_][A-Za-z0-9_]*/y, text, from);
  if (word !== undefined) return { kind: "word", text: word, span: span(from + word.length) };
  const number = matchAt(/\d+(?:\.\d+)?/y, text, from);
  if (number !== undefined) return { kind: "number", text: number, span: span(from + number.length) };
  const symbol = SYMBOLS.find((each) => text.startsWith(each, from));
  if (symbol === undefined) throw new TemplateFailure(span(from + 1), `unexpected character '${first}'`);
  return { kind: "symbol", text: symbol, span: span(from + symbol.length) };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
