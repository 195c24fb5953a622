import type { ParseErrorKind } from "../errors/kinds.ts";

export interface TextScan {
  /** Offset after the closing quote, or after `${`. */
  readonly end: number;
  readonly text: string;
  /** The scan stopped at `${`. */
  readonly interpolated: boolean;
  readonly error: { readonly kind: ParseErrorKind; readonly text: string; readonly at: number } | null;
}

export interface TextRules {
  /** Character code of the closing quote. */
  readonly quote: number;
  /** Back-tick strings: no escapes, line breaks allowed, `${…}`. */
  readonly verbatim: boolean;
  /** `\` before a line break joins lines (double-quoted strings only). */
  readonly continuation: boolean;
}

export const doubleQuoted: TextRules = { quote: 34, verbatim: false, continuation: true };
export const singleQuoted: TextRules = { quote: 39, verbatim: false, continuation: false };
export const backTick: TextRules = { quote: 96, verbatim: true, continuation: false };

/**
 * Scans the inside of a string (spec 1.6, 1.7). `at` is the offset after the opening quote, `opening` the offset of
 * the quote, `column` its 1-based column (for line continuations).
 */
export function scanText(source: string, at: number, opening: number, column: number, rules: TextRules): TextScan {
  const fast = scanPlain(source, at, rules);
  if (fast !== null) return fast;
  const { quote, verbatim, continuation } = rules;
  let text = "";
  let from = at;
  let i = at;
  let skipColumns = 0;
  let lineColumn = 0;
  const fail = (kind: ParseErrorKind, shown: string, where: number): TextScan => ({
    end: Math.min(i + 1, source.length),
    text: "",
    interpolated: false,
    error: { kind, text: shown, at: where },
  });
  for (; ; i++) {
    if (i >= source.length) return fail("UnterminatedString", "", opening);
    const c = source.charCodeAt(i);
    if (skipColumns > 0) {
      lineColumn++;
      if (lineColumn <= skipColumns && c !== 10 && isBlank(c)) {
        from = i + 1;
        continue;
      }
      skipColumns = 0;
    }
    if (c === quote) {
      if (source.charCodeAt(i + 1) !== quote) break;
      text += source.slice(from, i + 1);
      from = ++i + 1;
    } else if (c === 13 && source.charCodeAt(i + 1) === 10) {
      text += source.slice(from, i);
      from = i + 1;
    } else if (verbatim) {
      if (c === 36 && source.charCodeAt(i + 1) === 123) {
        if (source.charCodeAt(i - 1) === 92 && i > at) {
          // `\${` is a literal `${`.
          text += `${source.slice(from, i - 1)}$`;
          from = i + 1;
          continue;
        }
        return { end: i + 2, text: text + source.slice(from, i), interpolated: true, error: null };
      }
    } else if (c === 10) {
      return fail("UnterminatedString", "", opening);
    } else if (c === 92) {
      text += source.slice(from, i);
      const next = source.charCodeAt(i + 1);
      if (i + 1 >= source.length) return fail("UnterminatedString", "", opening);
      if (continuation && (next === 10 || (next === 13 && source.charCodeAt(i + 2) === 10))) {
        i += next === 10 ? 1 : 2;
        from = i + 1;
        skipColumns = column;
        lineColumn = 0;
        continue;
      }
      const simple = next === quote ? source[i + 1]! : simpleEscape(next);
      if (simple !== null) {
        text += simple;
        from = ++i + 1;
        continue;
      }
      const length = next === 120 ? 2 : next === 117 ? 4 : next === 85 ? 8 : 0;
      if (length === 0) {
        if (next === 10) return fail("UnterminatedString", "", opening);
        return fail("MalformedEscapeSequence", `\\${String.fromCodePoint(source.codePointAt(i + 1)!)}`, i + 1);
      }
      let value = 0;
      for (let k = 0; k < length; k++) {
        const where = i + 2 + k;
        if (where >= source.length) return fail("MalformedEscapeSequence", source.slice(i, where), where - 1);
        const digit = hexDigit(source.charCodeAt(where));
        if (digit < 0) {
          const shown = source.slice(i, where) + String.fromCodePoint(source.codePointAt(where)!);
          return fail("MalformedEscapeSequence", shown, where);
        }
        value = value * 16 + digit;
      }
      const last = i + 1 + length;
      if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return fail("MalformedEscapeSequence", source.slice(i, last + 1), last);
      }
      text += String.fromCodePoint(value);
      i = last;
      from = last + 1;
    }
  }
  return { end: i + 1, text: text + source.slice(from, i), interpolated: false, error: null };
}

/** The common case: nothing to translate before the closing quote. */
function scanPlain(source: string, at: number, rules: TextRules): TextScan | null {
  const { quote, verbatim } = rules;
  for (let i = at; i < source.length; i++) {
    const c = source.charCodeAt(i);
    if (c === quote) {
      if (source.charCodeAt(i + 1) === quote) return null;
      return { end: i + 1, text: source.slice(at, i), interpolated: false, error: null };
    }
    if (verbatim ? c === 36 || c === 13 : c === 92 || c === 10 || c === 13) return null;
  }
  return null;
}

/** `#"…"#`: nothing is special until the quote followed by as many hashes. Null when unterminated. */
export function scanRaw(
  source: string,
  at: number,
  hashes: number,
): { readonly end: number; readonly text: string } | null {
  const closing = `"${"#".repeat(hashes)}`;
  const end = source.indexOf(closing, at);
  return end < 0 ? null : { end: end + closing.length, text: source.slice(at, end) };
}

function simpleEscape(c: number): string | null {
  switch (c) {
    case 92:
      return "\\";
    case 110:
      return "\n";
    case 114:
      return "\r";
    case 116:
      return "\t";
    default:
      return null;
  }
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  if (c >= 65 && c <= 70) return c - 55;
  return -1;
}

function isBlank(c: number): boolean {
  return (
    c === 32 ||
    (c >= 9 && c <= 13) ||
    c === 0x85 ||
    c === 0xa0 ||
    (c > 127 && /\s/u.test(String.fromCharCode(c)) && c !== 0xfeff)
  );
}
