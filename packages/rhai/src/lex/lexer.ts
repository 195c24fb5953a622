import type { Comment } from "../ast/node.ts";
import type { ParseErrorKind } from "../errors/kinds.ts";
import { charOf } from "../values/char.ts";
import { Float } from "../values/float.ts";
import type { Value } from "../values/value.ts";
import { scanNumber } from "./number.ts";
import { backTick, doubleQuoted, scanRaw, scanText, singleQuoted, type TextRules } from "./text.ts";
import { beforeUnary, improperSymbols, keywords, reservedWords, Token } from "./token.ts";

const LETTER = 1;
const DIGIT = 2;
const SPACE = 4;
const classes = new Uint8Array(128);
for (let c = 97; c <= 122; c++) classes[c] = LETTER;
for (let c = 65; c <= 90; c++) classes[c] = LETTER;
for (let c = 48; c <= 57; c++) classes[c] = DIGIT;
for (const c of [9, 10, 12, 13, 32]) classes[c] = SPACE;

/**
 * Turns text into tokens, one at a time: after {@link advance}, the fields describe the current token.
 * Malformed input becomes an `Error` token, as in the reference, so that the parser decides when to report it.
 */
export class Lexer {
  readonly source: string;
  kind: Token = Token.End;
  start = 0;
  end = 0;
  /** End of the token before the current one. */
  previousEnd = 0;
  /** Identifier, reserved word or symbol, or string text. */
  text = "";
  /** Value of a literal. */
  value: Value;
  errorKind: ParseErrorKind = "UnexpectedInput";
  errorText = "";
  /** Where the error is; not always at the start of the token. */
  errorAt = 0;
  readonly comments: Comment[] = [];
  private at = 0;
  private unaryAllowed = true;

  /** Words to treat as reserved. */
  private readonly disabled: ReadonlySet<string> | null;

  constructor(source: string, disabled: ReadonlySet<string> | null = null) {
    this.source = source;
    this.disabled = disabled;
  }

  isDisabled(word: string): boolean {
    return this.disabled?.has(word) ?? false;
  }

  advance(): void {
    this.previousEnd = this.end;
    this.kind = this.scan();
    this.end = this.at;
    this.unaryAllowed = beforeUnary[this.kind] === 1;
  }

  /** Continues a back-tick string after the `}` that is the current token. */
  continueText(): void {
    this.previousEnd = this.end;
    this.start = this.end;
    this.at = this.end;
    this.kind = this.scanString(backTick, this.end - 1, this.end);
    this.end = this.at;
    this.unaryAllowed = false;
  }

  private scan(): Token {
    const { source } = this;
    for (;;) {
      const at = this.at;
      const c = source.charCodeAt(at);
      if (c < 128) {
        const cls = classes[c]!;
        if (cls === SPACE) {
          this.at++;
          continue;
        }
        if (c === 47 && this.comment(at)) continue;
        this.start = at;
        if (cls === LETTER) return this.word(at);
        if (cls === DIGIT) return this.number(at, false);
        return this.symbol(c, at);
      }
      this.start = at;
      if (at >= source.length) return Token.End;
      const shown = String.fromCodePoint(source.codePointAt(at)!);
      this.at += shown.length;
      return this.fail("UnexpectedInput", shown, at);
    }
  }

  private fail(kind: ParseErrorKind, text: string, at: number): Token {
    this.errorKind = kind;
    this.errorText = text;
    this.errorAt = at;
    return Token.Error;
  }

  private word(at: number): Token {
    const { source } = this;
    let end = at + 1;
    for (
      let c = source.charCodeAt(end);
      c < 128 && ((classes[c]! & 3) !== 0 || c === 95);
      c = source.charCodeAt(++end)
    );
    this.at = end;
    const text = source.slice(at, end);
    this.text = text;
    if (this.disabled?.has(text)) return Token.Reserved;
    if (end - at <= 10) {
      const keyword = keywords.get(text);
      if (keyword !== undefined) return keyword;
      if (reservedWords.has(text)) return Token.Reserved;
    }
    return Token.Identifier;
  }

  private underscored(at: number): Token {
    const { source } = this;
    let end = at;
    while (source.charCodeAt(end) === 95) end++;
    const first = source.charCodeAt(end);
    const proper = first < 128 && classes[first] === LETTER;
    for (let c = first; c < 128 && ((classes[c]! & 3) !== 0 || c === 95); c = source.charCodeAt(++end));
    this.at = end;
    this.text = source.slice(at, end);
    if (this.text === "_") return Token.Underscore;
    return proper ? Token.Identifier : this.fail("MalformedIdentifier", this.text, at);
  }

  private number(at: number, negative: boolean): Token {
    const scan = scanNumber(this.source, at, negative);
    this.at = scan.end;
    if (scan.value === null) return this.fail("MalformedNumber", scan.bad, this.start);
    this.value = scan.value;
    return scan.value instanceof Float ? Token.Float : Token.Int;
  }

  private scanString(rules: TextRules, opening: number, from: number): Token {
    const scan = scanText(this.source, from, opening, rules.continuation ? this.column(opening) : 0, rules);
    this.at = scan.end;
    if (scan.error !== null) return this.fail(scan.error.kind, scan.error.text, scan.error.at);
    this.text = scan.text;
    this.value = scan.text;
    return scan.interpolated ? Token.Interpolated : Token.String;
  }

  private column(offset: number): number {
    const lineStart = this.source.lastIndexOf("\n", offset - 1) + 1;
    let column = 1;
    for (let i = lineStart; i < offset; i++) if ((this.source.charCodeAt(i) & 0xfc00) !== 0xdc00) column++;
    return column;
  }

  private character(at: number): Token {
    if (this.source.charCodeAt(at + 1) === 39) {
      this.at = at + 2;
      return this.fail("MalformedChar", "", at);
    }
    const kind = this.scanString(singleQuoted, at, at + 1);
    if (kind === Token.Error) return kind;
    const length = this.text.codePointAt(0)! > 0xffff ? 2 : 1;
    if (this.text.length !== length) return this.fail("MalformedChar", this.text, at);
    this.value = charOf(this.text);
    return Token.Char;
  }

  private rawString(at: number): Token {
    let hashes = 0;
    while (this.source.charCodeAt(at + hashes) === 35) hashes++;
    if (this.source.charCodeAt(at + hashes) !== 34) {
      if (at + hashes >= this.source.length) {
        this.at = this.source.length;
        return this.fail("UnterminatedString", "", at);
      }
      const shown = String.fromCodePoint(this.source.codePointAt(at + hashes)!);
      this.at = at + hashes + shown.length;
      return this.fail("UnexpectedInput", shown, at);
    }
    const scan = scanRaw(this.source, at + hashes + 1, hashes);
    if (scan === null) {
      this.at = this.source.length;
      return this.fail("UnterminatedString", "", at);
    }
    this.at = scan.end;
    this.text = scan.text;
    this.value = scan.text;
    return Token.String;
  }

  /** True when a comment starts at `at` (a slash); it is then recorded and skipped. */
  private comment(at: number): boolean {
    const { source } = this;
    const next = source.charCodeAt(at + 1);
    if (next === 47) {
      let end = at + 2;
      for (let c = source.charCodeAt(end); end < source.length && c !== 10 && c !== 13; c = source.charCodeAt(++end));
      const third = source.charCodeAt(at + 2);
      const isDoc = third === 33 || (third === 47 && source.charCodeAt(at + 3) !== 47);
      this.comments.push({ kind: "line", isDoc, start: at, end });
      this.at = end;
      return true;
    }
    if (next !== 42) return false;
    let depth = 1;
    let end = at + 2;
    while (end < source.length && depth > 0) {
      const c = source.charCodeAt(end);
      if (c === 42 && source.charCodeAt(end + 1) === 47) {
        depth--;
        end += 2;
      } else if (c === 47 && source.charCodeAt(end + 1) === 42) {
        depth++;
        end += 2;
      } else end++;
    }
    const isDoc =
      source.charCodeAt(at + 2) === 42 && source.charCodeAt(at + 3) !== 42 && source.charCodeAt(at + 3) !== 47;
    this.comments.push({ kind: "block", isDoc, start: at, end });
    this.at = end;
    return true;
  }

  private reserved(symbol: string): Token {
    const description = improperSymbols[symbol];
    if (description !== undefined) return this.fail("ImproperSymbol", description, this.start);
    this.text = symbol;
    return Token.Reserved;
  }

  /** Takes the current symbol as `length` characters long. */
  private take(length: number, kind: Token): Token {
    this.at += length;
    return kind;
  }

  private takeReserved(length: number, symbol: string): Token {
    this.at += length;
    return this.reserved(symbol);
  }

  private symbol(c: number, at: number): Token {
    const { source } = this;
    const next = source.charCodeAt(at + 1);
    switch (c) {
      case 34: // "
        return this.scanString(doubleQuoted, at, at + 1);
      case 39: // '
        return this.character(at);
      case 96: {
        // `: a line break right after the opening is dropped
        let from = at + 1;
        if (next === 13) from += source.charCodeAt(at + 2) === 10 ? 2 : 1;
        else if (next === 10) from++;
        return this.scanString(backTick, at, from);
      }
      case 95: // _
        return this.underscored(at);
      case 123: // {
        return this.take(1, Token.LeftBrace);
      case 125: // }
        return this.take(1, Token.RightBrace);
      case 40: // (
        if (next === 41) return this.take(2, Token.Unit);
        return next === 42 ? this.takeReserved(2, "(*") : this.take(1, Token.LeftParen);
      case 41: // )
        return this.take(1, Token.RightParen);
      case 91: // [
        return this.take(1, Token.LeftBracket);
      case 93: // ]
        return this.take(1, Token.RightBracket);
      case 35: // #
        if (next === 123) return this.take(2, Token.MapStart);
        if (next === 33) return this.takeReserved(2, "#!");
        if (next === 32)
          return source.charCodeAt(at + 2) === 123 ? this.takeReserved(3, "# {") : this.takeReserved(2, "#");
        if (next === 34 || next === 35) return this.rawString(at);
        return this.takeReserved(1, "#");
      case 43: // +
        if (next === 61) return this.take(2, Token.PlusAssign);
        return next === 43 ? this.takeReserved(2, "++") : this.take(1, Token.Plus);
      case 45: // -
        if (next >= 48 && next <= 57) return this.unaryAllowed ? this.number(at + 1, true) : this.take(1, Token.Minus);
        if (next === 61) return this.take(2, Token.MinusAssign);
        if (next === 62) return this.takeReserved(2, "->");
        return next === 45 ? this.takeReserved(2, "--") : this.take(1, Token.Minus);
      case 42: // *
        if (next === 41) return this.takeReserved(2, "*)");
        if (next === 61) return this.take(2, Token.StarAssign);
        if (next !== 42) return this.take(1, Token.Star);
        return source.charCodeAt(at + 2) === 61 ? this.take(3, Token.PowerAssign) : this.take(2, Token.Power);
      case 47: // /
        return next === 61 ? this.take(2, Token.SlashAssign) : this.take(1, Token.Slash);
      case 59: // ;
        return this.take(1, Token.Semicolon);
      case 44: // ,
        return this.take(1, Token.Comma);
      case 46: // .
        if (next !== 46) return this.take(1, Token.Dot);
        if (source.charCodeAt(at + 2) === 46) return this.takeReserved(3, "...");
        return source.charCodeAt(at + 2) === 61 ? this.take(3, Token.RangeInclusive) : this.take(2, Token.Range);
      case 61: // =
        if (next === 62) return this.take(2, Token.Arrow);
        if (next !== 61) return this.take(1, Token.Assign);
        return source.charCodeAt(at + 2) === 61 ? this.takeReserved(3, "===") : this.take(2, Token.Equal);
      case 58: // :
        if (next === 61) return this.takeReserved(2, ":=");
        if (next === 59) return this.takeReserved(2, ":;");
        if (next !== 58) return this.take(1, Token.Colon);
        return source.charCodeAt(at + 2) === 60 ? this.takeReserved(3, "::<") : this.take(2, Token.DoubleColon);
      case 60: // <
        if (next === 61) return this.take(2, Token.LessEqual);
        if (next === 45) return this.takeReserved(2, "<-");
        if (next === 124) return this.takeReserved(2, "<|");
        if (next !== 60) return this.take(1, Token.Less);
        return source.charCodeAt(at + 2) === 61 ? this.take(3, Token.ShiftLeftAssign) : this.take(2, Token.ShiftLeft);
      case 62: // >
        if (next === 61) return this.take(2, Token.GreaterEqual);
        if (next !== 62) return this.take(1, Token.Greater);
        return source.charCodeAt(at + 2) === 61 ? this.take(3, Token.ShiftRightAssign) : this.take(2, Token.ShiftRight);
      case 33: // !
        if (next === 105 && source.charCodeAt(at + 2) === 110 && !this.continuesWord(at + 3))
          return this.take(3, Token.NotIn);
        if (next === 46) return this.takeReserved(2, "!.");
        if (next !== 61) return this.take(1, Token.Bang);
        return source.charCodeAt(at + 2) === 61 ? this.takeReserved(3, "!==") : this.take(2, Token.NotEqual);
      case 124: // |
        if (next === 124) return this.take(2, Token.Or);
        if (next === 61) return this.take(2, Token.OrAssign);
        return next === 62 ? this.takeReserved(2, "|>") : this.take(1, Token.Pipe);
      case 38: // &
        if (next === 38) return this.take(2, Token.And);
        return next === 61 ? this.take(2, Token.AndAssign) : this.take(1, Token.Ampersand);
      case 94: // ^
        return next === 61 ? this.take(2, Token.XorAssign) : this.take(1, Token.Xor);
      case 37: // %
        return next === 61 ? this.take(2, Token.PercentAssign) : this.take(1, Token.Percent);
      case 126: // ~
        return this.takeReserved(1, "~");
      case 64: // @
        return this.takeReserved(1, "@");
      case 36: // $
        return this.takeReserved(1, "$");
      case 63: // ?
        if (next === 46) return this.take(2, Token.Elvis);
        if (next === 63) return this.take(2, Token.Coalesce);
        return next === 91 ? this.take(2, Token.QuestionBracket) : this.takeReserved(1, "?");
      default:
        this.at++;
        return this.fail("UnexpectedInput", source[at]!, at);
    }
  }

  private continuesWord(at: number): boolean {
    const c = this.source.charCodeAt(at);
    return c < 128 && ((classes[c]! & 3) !== 0 || c === 95);
  }
}
