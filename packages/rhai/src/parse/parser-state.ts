import type { Identifier } from "../ast/node.ts";
import type { Diagnostic } from "../errors/diagnostic.ts";
import type { ParseErrorKind } from "../errors/kinds.ts";
import type { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { Lexer } from "../lex/lexer.ts";
import { Token, tokenText } from "../lex/token.ts";
import { utf8Length } from "../text/code-points.ts";
import type { ParseOptions } from "./options.ts";

const IDENTIFIER = /^_*[A-Za-z][A-Za-z0-9_]*$/;

/** Tokens, errors, nesting levels and the names in scope: what every part of the parser works with. */
export abstract class ParserState {
  protected readonly lexer: Lexer;
  protected readonly source: Source;
  protected readonly options: ParseOptions;
  /** Syntax errors found so far when collecting; null when the first one is thrown. */
  protected readonly diagnostics: Diagnostic[] | null;
  protected maxDepth: number;
  /** Statements directly at the top of the script. */
  protected atGlobalLevel = true;
  protected inFunction = false;
  protected inLoop = false;
  /** `|` ends an expression: set while the labels of a switch arm are read. */
  protected pipeEnds = false;
  /** Variables declared so far in the current function, innermost last. */
  protected names: string[] = [];
  protected constants: boolean[] = [];

  constructor(source: Source, options: ParseOptions, diagnostics: Diagnostic[] | null) {
    this.source = source;
    this.options = options;
    this.diagnostics = diagnostics;
    this.maxDepth = options.exprDepth;
    this.lexer = new Lexer(source.text, options.disabledSymbols);
    this.lexer.advance();
  }

  protected fail(kind: ParseErrorKind, text: string, start: number, end = start): RhaiError {
    const error = new RhaiError("ErrorParsing", text, { parseKind: kind });
    error.bareSyntax = true;
    return error.at(this.source, start, Math.max(end, start));
  }

  /** An error at the current token. A malformed token is the better error. */
  protected failHere(kind: ParseErrorKind, text: string): RhaiError {
    const { lexer } = this;
    if (lexer.kind === Token.Error) return this.lexError();
    return this.fail(kind, text, lexer.start, lexer.end);
  }

  /** An error at the current token, also when that is malformed: the reference does not look closer here. */
  protected failBlindly(kind: ParseErrorKind, text: string): RhaiError {
    const { lexer } = this;
    const at = lexer.kind === Token.Error ? lexer.errorAt : lexer.start;
    return this.fail(kind, text, at, lexer.end);
  }

  protected lexError(): RhaiError {
    const { errorKind, errorText, errorAt, end } = this.lexer;
    return this.fail(errorKind, lexErrorText(errorKind, errorText), errorAt, end);
  }

  protected missing(token: string, description: string): RhaiError {
    return this.failHere("MissingToken", `Expecting '${token}' ${description}`);
  }

  protected missingBlindly(token: string, description: string): RhaiError {
    return this.failBlindly("MissingToken", `Expecting '${token}' ${description}`);
  }

  protected unexpected(): RhaiError {
    if (this.lexer.kind === Token.Error) return this.lexError();
    return this.failHere("UnexpectedInput", `Unexpected '${this.shownToken()}'`);
  }

  protected reservedHere(): RhaiError {
    const { text } = this.lexer;
    const what = IDENTIFIER.test(text) ? "keyword" : "symbol";
    return this.failHere("Reserved", `'${text}' is a reserved ${what}`);
  }

  private shownToken(): string {
    const { lexer } = this;
    return tokenText[lexer.kind] || this.source.text.slice(lexer.start, lexer.end);
  }

  /** The level inside a construct; `at` is where too deep nesting is reported. */
  protected deeper(level: number, at: number): number {
    if (level >= this.maxDepth && this.maxDepth > 0) {
      throw this.fail("ExprTooDeep", "Expression exceeds maximum complexity", at);
    }
    return level + 1;
  }

  protected accept(kind: Token): boolean {
    if (this.lexer.kind !== kind) return false;
    this.lexer.advance();
    return true;
  }

  protected isReservedWord(): boolean {
    return this.lexer.kind === Token.Reserved && IDENTIFIER.test(this.lexer.text);
  }

  /** A name where a variable is declared or a module member is named. */
  protected variableName(): Identifier {
    const { lexer } = this;
    if (lexer.kind === Token.Identifier) return this.identifier();
    if (this.isReservedWord()) throw this.reservedHere();
    throw this.failHere("VariableExpected", "Expecting name of a variable");
  }

  /** Takes the current identifier token. */
  protected identifier(): Identifier {
    const { lexer } = this;
    const node: Identifier = { kind: "Identifier", name: lexer.text, start: lexer.start, end: lexer.end };
    lexer.advance();
    return node;
  }

  protected declareName(name: string, isConstant: boolean): void {
    this.names.push(name);
    this.constants.push(isConstant);
  }

  /** True when the name is known to be a constant here. */
  protected isConstant(name: string): boolean {
    const at = this.names.lastIndexOf(name);
    return at >= 0 && this.constants[at]!;
  }

  protected forget(size: number): void {
    this.names.length = size;
    this.constants.length = size;
  }

  protected checkTextLength(text: string): void {
    const { stringSize } = this.options;
    if (stringSize > 0 && text.length * 3 > stringSize && utf8Length(text) > stringSize) {
      throw this.failHere("LiteralTooLarge", `Length of string exceeds the maximum limit (${stringSize})`);
    }
  }
}

function lexErrorText(kind: ParseErrorKind, text: string): string {
  switch (kind) {
    case "UnterminatedString":
      return "Open string is not terminated";
    case "MalformedEscapeSequence":
      return `Invalid escape sequence: '${text}'`;
    case "MalformedNumber":
      return `Invalid number: '${text}'`;
    case "MalformedChar":
      return `Invalid character: '${text}'`;
    case "MalformedIdentifier":
      return `Variable name is not proper: '${text}'`;
    case "ImproperSymbol":
      return text;
    default:
      return `Unexpected '${text}'`;
  }
}
