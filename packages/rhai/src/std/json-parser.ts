import { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { outputMismatch, variableNotFound } from "../errors/throwing.ts";
import { Lexer } from "../lex/lexer.ts";
import { Token, tokenText } from "../lex/token.ts";
import { RhaiArray } from "../values/array.ts";
import { Float } from "../values/float.ts";
import { type Int, negate } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { typeNameOf } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";
import { translateEscapes } from "./json-escapes.ts";

const DEEPEST = 500;

/**
 * `parse_json` (spec 13.1): all valid JSON, and what the reference lets pass beyond it as long as nothing has to be
 * evaluated (comments, trailing commas, chars, hex numbers). Only maps are results. Errors are the reference's where it
 * has one, at their place in the JSON text.
 */
export function parseJson(text: string): Value {
  const value = new JsonParser(translateEscapes(text)).parse();
  if (!(value instanceof RhaiMap)) throw outputMismatch(typeNameOf(value), "map");
  return value;
}

class JsonParser {
  private readonly lexer: Lexer;
  private readonly source: Source;
  /** A name: only an error when nothing else is wrong. */
  private unknown: RhaiError | null = null;

  constructor(text: string) {
    this.source = new Source(text);
    this.lexer = new Lexer(text);
    this.lexer.advance();
  }

  parse(): Value {
    const value = this.value(0);
    if (this.lexer.kind !== Token.End) throw this.unexpected();
    if (this.unknown !== null) throw this.unknown;
    return value;
  }

  private fail(text: string, start = this.lexer.start, end = this.lexer.end): RhaiError {
    return new RhaiError("ErrorParsing", text, { parseKind: "UnexpectedInput" }).at(this.source, start, end);
  }

  private unexpected(): RhaiError {
    const { lexer } = this;
    if (lexer.kind === Token.Error) return this.fail(lexErrorText(lexer), lexer.errorAt);
    if (lexer.kind === Token.End) return this.fail("Script is incomplete");
    if (lexer.kind === Token.Unit) return this.fail("Invalid symbol encountered: '()'");
    if (lexer.kind === Token.Reserved) {
      const what = /^\w+$/.test(lexer.text) ? "keyword" : "symbol";
      return this.fail(`'${lexer.text}' is a reserved ${what}`);
    }
    return this.fail(`Unexpected '${tokenText[lexer.kind] || this.source.text.slice(lexer.start, lexer.end)}'`);
  }

  private value(depth: number): Value {
    const { lexer } = this;
    if (depth > DEEPEST) throw this.fail("Expression exceeds maximum complexity");
    switch (lexer.kind) {
      case Token.LeftBrace:
      case Token.MapStart:
        return this.map(depth);
      case Token.LeftBracket:
        return this.array(depth);
      case Token.String:
      case Token.Int:
      case Token.Float:
      case Token.Char: {
        const { value } = lexer;
        lexer.advance();
        return value;
      }
      case Token.True:
      case Token.False: {
        const value = lexer.kind === Token.True;
        lexer.advance();
        return value;
      }
      case Token.Minus:
      case Token.Plus:
        return this.signed(depth);
      case Token.Reserved:
        if (lexer.text !== "null") throw this.unexpected();
        lexer.advance();
        return undefined;
      case Token.Identifier:
        this.unknown ??= variableNotFound(lexer.text).at(this.source, lexer.start, lexer.end);
        lexer.advance();
        return undefined;
      default:
        throw this.unexpected();
    }
  }

  private signed(depth: number): Value {
    const isMinus = this.lexer.kind === Token.Minus;
    this.lexer.advance();
    const { kind } = this.lexer;
    if (kind !== Token.Int && kind !== Token.Float) throw this.unexpected();
    const value = this.value(depth);
    if (!isMinus) return value;
    if (value instanceof Float) return new Float(-value.n);
    return negate(value as Int) ?? new Float(-Number(value));
  }

  private array(depth: number): Value {
    const { lexer } = this;
    lexer.advance();
    const items: Value[] = [];
    while (lexer.kind !== Token.RightBracket) {
      if (lexer.kind === Token.End) throw this.fail("Expecting ']' to end this array literal");
      items.push(this.value(depth + 1));
      if ((lexer.kind as Token) === Token.Comma) lexer.advance();
      else if ((lexer.kind as Token) === Token.End) throw this.fail("Expecting ']' to end this array literal");
      else if ((lexer.kind as Token) !== Token.RightBracket) {
        throw this.separator("Expecting ',' to separate the items of this array literal");
      }
    }
    lexer.advance();
    return new RhaiArray(items);
  }

  private map(depth: number): Value {
    const { lexer } = this;
    lexer.advance();
    const map = new RhaiMap(null, []);
    while (lexer.kind !== Token.RightBrace) {
      if (lexer.kind === Token.Identifier) throw this.fail("Expecting name of a property");
      if (lexer.kind === Token.Error) throw this.unexpected();
      if (lexer.kind !== Token.String) throw this.fail("Expecting '}' to end this object map literal");
      const key = lexer.text;
      lexer.advance();
      if ((lexer.kind as Token) !== Token.Colon) {
        throw this.separator(`Expecting ':' to follow the property '${key}' in this object map literal`);
      }
      lexer.advance();
      map.set(key, this.value(depth + 1));
      if ((lexer.kind as Token) === Token.Comma) lexer.advance();
      else if ((lexer.kind as Token) === Token.String || (lexer.kind as Token) === Token.Identifier) {
        throw this.separator("Expecting ',' to separate the items of this object map literal");
      } else if ((lexer.kind as Token) !== Token.RightBrace) {
        throw this.separator("Expecting '}' to end this object map literal");
      }
    }
    lexer.advance();
    return map;
  }

  private separator(text: string): RhaiError {
    return this.lexer.kind === Token.Error ? this.unexpected() : this.fail(text);
  }
}

function lexErrorText(lexer: Lexer): string {
  switch (lexer.errorKind) {
    case "UnterminatedString":
      return "Open string is not terminated";
    case "MalformedEscapeSequence":
      return `Invalid escape sequence: '${lexer.errorText}'`;
    case "MalformedNumber":
      return `Invalid number: '${lexer.errorText}'`;
    case "MalformedChar":
      return `Invalid character: '${lexer.errorText}'`;
    case "ImproperSymbol":
      return lexer.errorText;
    default:
      return `Unexpected '${lexer.errorText}'`;
  }
}
