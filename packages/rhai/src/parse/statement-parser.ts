import type {
  AssignOperator,
  Block,
  ExportStatement,
  Expr,
  FunctionDefinition,
  Identifier,
  IfStatement,
  Literal,
  Program,
  Statement,
  SwitchArm,
} from "../ast/node.ts";
import { errorOffset, startOffset, unparen } from "../ast/positions.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { Token, tokenText } from "../lex/token.ts";
import { compareInt, type Int } from "../values/int.ts";
import { invalidTarget } from "./assignment-target.ts";
import { constantKind, isConstantExpr } from "./constant-expr.ts";
import { ExpressionParser } from "./expression-parser.ts";

/** Statements and definitions. */
export class StatementParser extends ExpressionParser {
  /** Any error inside a label is an error of the label. */
  private inLabel = false;
  private readonly functions = new Map<string, FunctionDefinition>();

  parseProgram(): Program {
    const { lexer } = this;
    const body: Statement[] = [];
    while (lexer.kind !== Token.End) {
      try {
        const statement = this.parseStatement(0);
        if (statement.kind === "Empty" || statement.kind === "Function") {
          body.push(statement);
          continue;
        }
        body.push(statement);
        if ((lexer.kind as Token) === Token.End) break;
        if (isSelfTerminated(statement)) continue;
        if ((lexer.kind as Token) !== Token.Semicolon) throw this.missing(";", "to terminate this statement");
        lexer.advance();
      } catch (error) {
        this.recover(error);
        if ((lexer.kind as Token) === Token.RightBrace) lexer.advance();
      }
    }
    return { kind: "Program", body, comments: lexer.comments, start: 0, end: this.source.text.length };
  }

  /** When collecting, notes the error and goes on at the next statement; otherwise throws on. */
  private recover(error: unknown): void {
    if (this.diagnostics === null || this.inLabel || !(error instanceof RhaiError)) throw error;
    const start = error.position?.offset ?? 0;
    const end = error.endPosition?.offset ?? start;
    this.diagnostics.push({
      severity: "error",
      code: error.parseKind ?? "UnexpectedInput",
      message: error.text,
      start,
      end,
    });
    const { lexer } = this;
    this.pipeEnds = false;
    // Only the `;` at the end of a line is missing: what follows is a statement of its own.
    const isWhole = error.text.startsWith("Expecting ';'") && start === lexer.start;
    if (isWhole && this.source.text.slice(lexer.previousEnd, lexer.start).includes("\n")) return;
    let depth = 0;
    for (; lexer.kind !== Token.End; lexer.advance()) {
      const { kind } = lexer;
      if (kind === Token.LeftBrace || kind === Token.MapStart) depth++;
      else if (kind === Token.RightBrace) {
        if (depth === 0) return;
        depth--;
      } else if (depth === 0 && kind === Token.Semicolon) {
        lexer.advance();
        return;
      } else if (
        (kind === Token.Fn || kind === Token.Private || kind === Token.Let || kind === Token.Const) &&
        lexer.start > start
      ) {
        return;
      }
    }
  }

  protected parseBlock(outer: number, at: number): Block {
    const { lexer } = this;
    const { start } = lexer;
    const body = this.parseBlockBody(outer, at);
    lexer.advance();
    return { kind: "Block", body, start, end: lexer.previousEnd };
  }

  protected parseInterpolationBlock(level: number): Block {
    // The opening brace was read together with the text before it.
    const start = this.lexer.end - 1;
    const body = this.parseStatements(level, start);
    return { kind: "Block", body, start, end: this.lexer.end };
  }

  /** Statements between braces; the closing brace stays the current token. */
  private parseBlockBody(outer: number, at: number): Statement[] {
    if (this.lexer.kind !== Token.LeftBrace) throw this.missing("{", "to start a statement block");
    return this.parseStatements(outer, at);
  }

  private parseStatements(outer: number, at: number): Statement[] {
    const { lexer } = this;
    const level = this.deeper(outer, at);
    lexer.advance();
    const size = this.names.length;
    const { atGlobalLevel, pipeEnds } = this;
    this.atGlobalLevel = false;
    this.pipeEnds = false;
    const body: Statement[] = [];
    while (lexer.kind !== Token.RightBrace) {
      try {
        if (lexer.kind === Token.End) throw this.missing("}", "to terminate this block");
        const statement = this.parseStatement(level);
        body.push(statement);
        if (statement.kind === "Empty") continue;
        if ((lexer.kind as Token) === Token.RightBrace) break;
        if ((lexer.kind as Token) === Token.Semicolon) lexer.advance();
        else if (!isSelfTerminated(statement)) throw this.missing(";", "to terminate this statement");
      } catch (error) {
        if (lexer.kind === Token.End) throw error;
        this.recover(error);
      }
    }
    this.forget(size);
    this.atGlobalLevel = atGlobalLevel;
    this.pipeEnds = pipeEnds;
    return body;
  }

  protected parseStatement(level: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    switch (lexer.kind) {
      case Token.End:
        return { kind: "Empty", start, end: start };
      case Token.Semicolon:
        lexer.advance();
        return { kind: "Empty", start, end: lexer.previousEnd };
      case Token.LeftBrace:
        return this.parseBlock(this.deeper(level, start), start);
      case Token.Fn:
      case Token.Private:
        if (lexer.kind === Token.Fn && !this.atGlobalLevel) {
          const text = "Function definitions must be at global level and cannot be inside a block or another function";
          throw this.failHere("WrongFnDefinition", text);
        }
        return this.parseFunction();
      case Token.If:
        return this.parseIf(this.deeper(level, start), start);
      case Token.Switch:
        return this.parseSwitch(this.deeper(level, start), start);
      case Token.While:
      case Token.Loop:
        return this.parseWhileOrLoop(this.deeper(level, start), start);
      case Token.Do:
        return this.parseDo(this.deeper(level, start), start);
      case Token.For:
        return this.parseFor(this.deeper(level, start), start);
      case Token.Continue:
      case Token.Break:
        if (!this.inLoop) throw this.failHere("LoopBreak", "Break statement should only be used inside a loop");
        if (lexer.kind === Token.Break) return this.parseJump("Break", level);
        lexer.advance();
        return { kind: "Continue", start, end: lexer.previousEnd };
      case Token.Return:
        return this.parseJump("Return", level);
      case Token.Throw:
        return this.parseJump("Throw", level);
      case Token.Try:
        return this.parseTry(this.deeper(level, start), start);
      case Token.Let:
      case Token.Const:
        return this.parseLet(this.deeper(level, start), start, false);
      case Token.Import:
        return this.parseImport(this.deeper(level, start), start);
      case Token.Export:
        if (!this.atGlobalLevel) throw this.failHere("WrongExport", "Export statement can only appear at global level");
        return this.parseExport(this.deeper(level, start), start);
      default:
        return this.parseExpressionStatement(this.deeper(level, start));
    }
  }

  private parseExpressionStatement(level: number): Statement {
    const { lexer } = this;
    const target = this.parseExpr(level);
    const { kind, start: pos, end: opEnd } = lexer;
    if (kind < Token.Assign || kind > Token.XorAssign) {
      return { kind: "Expression", expr: target, start: target.start, end: target.end };
    }
    lexer.advance();
    const value = this.parseExpr(level);
    this.checkTarget(target, kind === Token.Assign, pos, opEnd);
    return {
      kind: "Assignment",
      op: tokenText[kind] as AssignOperator,
      target,
      value,
      pos,
      start: target.start,
      end: value.end,
    };
  }

  private checkTarget(outer: Expr, isPlain: boolean, opStart: number, opEnd: number): void {
    const target = unparen(outer);
    const invalid = (offset: number) =>
      this.fail("AssignmentToInvalidLHS", "Expression cannot be assigned to", offset, target.end);
    switch (target.kind) {
      case "This":
        return;
      case "Variable":
        if (target.path.length === 0 && this.isConstant(target.name)) {
          throw this.fail("AssignmentToConstant", `Cannot assign to constant ${target.name}`, target.pos, target.end);
        }
        return;
      case "Member":
      case "MethodCall":
      case "Index": {
        const offset = invalidTarget(target);
        if (offset !== null) throw invalid(offset);
        return;
      }
      case "Logical":
        if (isPlain) throw this.fail("ImproperSymbol", "Possibly a typo of '=='?", opStart, opEnd);
        throw invalid(errorOffset(target));
      default:
        if (isConstantExpr(target)) {
          throw this.fail("AssignmentToConstant", "Cannot assign to a constant value", startOffset(target), target.end);
        }
        throw invalid(errorOffset(target));
    }
  }

  protected parseIf(outer: number, at: number): IfStatement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    const condition = this.parseCondition(level);
    const then = this.parseBlock(level, start);
    let otherwise: Block | IfStatement | null = null;
    if (this.accept(Token.Else)) {
      otherwise = lexer.kind === Token.If ? this.parseIf(level, start) : this.parseBlock(level, start);
    }
    return { kind: "If", condition, then, otherwise, start, end: lexer.previousEnd };
  }

  private parseCondition(level: number): Expr {
    this.ensureNotBlock();
    const condition = this.parseExpr(level);
    this.ensureBool(condition);
    this.ensureNotAssignment();
    return condition;
  }

  protected parseWhileOrLoop(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    if (this.accept(Token.While)) {
      const condition = this.parseCondition(level);
      const body = this.parseLoopBody(level, start);
      return { kind: "While", condition, body, start, end: lexer.previousEnd };
    }
    lexer.advance();
    const body = this.parseLoopBody(level, start);
    return { kind: "Loop", body, start, end: lexer.previousEnd };
  }

  private parseLoopBody(level: number, at: number): Block {
    const { inLoop } = this;
    this.inLoop = true;
    const body = this.parseBlock(level, at);
    this.inLoop = inLoop;
    return body;
  }

  protected parseDo(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    const body = this.parseLoopBody(level, start);
    const until = lexer.kind === Token.Until;
    if (!until && (lexer.kind as Token) !== Token.While) throw this.missingBlindly("while", "for the do statement");
    lexer.advance();
    const condition = this.parseCondition(level);
    return { kind: "Do", body, until, condition, start, end: lexer.previousEnd };
  }

  protected parseFor(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    let variable: Identifier;
    let counter: Identifier | null = null;
    if (this.accept(Token.LeftParen)) {
      variable = this.variableName();
      if (lexer.kind !== Token.Comma) throw this.missingBlindly(",", "after the iteration variable name");
      lexer.advance();
      counter = this.variableName();
      if (counter.name === variable.name) {
        throw this.fail("DuplicatedVariable", `Duplicated variable name: ${counter.name}`, counter.start, counter.end);
      }
      if ((lexer.kind as Token) !== Token.RightParen) throw this.missingBlindly(")", "to close the iteration variable");
      lexer.advance();
    } else variable = this.variableName();
    if (lexer.kind !== Token.In) throw this.missing("in", "after the iteration variable");
    lexer.advance();
    this.ensureNotBlock();
    const iterable = this.parseExpr(level);
    this.ensureIterable(iterable);
    const size = this.names.length;
    if (counter !== null) this.declareName(counter.name, false);
    this.declareName(variable.name, false);
    const body = this.parseLoopBody(level, start);
    this.forget(size);
    return { kind: "For", variable, counter, iterable, body, start, end: lexer.previousEnd };
  }

  protected parseSwitch(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    const subject = this.parseExpr(level);
    if (lexer.kind !== Token.LeftBrace) throw this.missing("{", "to start a switch block");
    lexer.advance();
    const closing = "to end this switch block";
    const arms: SwitchArm[] = [];
    let defaultAt = -1;
    let sawRange = false;
    const { atGlobalLevel, pipeEnds } = this;
    this.pipeEnds = false;
    while (lexer.kind !== (Token.RightBrace as Token)) {
      if ((lexer.kind as Token) === Token.End) throw this.missing("}", closing);
      const armStart = lexer.start;
      const labels: Expr[] = [];
      let guard: Expr | null = null;
      if ((lexer.kind as Token) === Token.Underscore && defaultAt < 0) {
        defaultAt = lexer.start;
        lexer.advance();
        if ((lexer.kind as Token) === Token.If)
          throw this.failHere("WrongSwitchCaseCondition", "This switch case cannot have a condition");
      } else if (defaultAt >= 0) {
        throw this.fail("WrongSwitchDefaultCase", "Default switch case must be the last", defaultAt, defaultAt + 1);
      } else {
        do labels.push(this.parseLabel(level));
        while (this.accept(Token.Pipe));
        if (this.accept(Token.If)) guard = this.parseCondition(level);
      }
      if ((lexer.kind as Token) !== Token.Arrow) throw this.missing("=>", "in this switch case");
      lexer.advance();
      const size = this.names.length;
      const body = this.parseStatement(level);
      this.forget(size);
      sawRange = this.checkLabels(labels, sawRange);
      arms.push({ labels, guard, body, start: armStart, end: body.end });
      if ((lexer.kind as Token) === Token.Comma) lexer.advance();
      else if ((lexer.kind as Token) === Token.End) throw this.missing("}", closing);
      else if ((lexer.kind as Token) === Token.Error) throw this.lexError();
      else if ((lexer.kind as Token) !== Token.RightBrace && !isSelfTerminated(body)) {
        throw this.missing(",", "to separate the items in this switch block");
      }
    }
    this.atGlobalLevel = atGlobalLevel;
    this.pipeEnds = pipeEnds;
    lexer.advance();
    return { kind: "Switch", subject, arms, start, end: lexer.previousEnd };
  }

  /** A label is parsed as any expression; what kind it is gets checked once the whole arm is read. */
  private parseLabel(level: number): Expr {
    const { inLabel } = this;
    this.pipeEnds = true;
    this.inLabel = true;
    try {
      return this.parseExpr(level);
    } catch (error) {
      if (!(error instanceof RhaiError)) throw error;
      const start = error.position?.offset ?? this.lexer.start;
      throw this.fail("ExprExpected", "Expecting literal expression", start, error.endPosition?.offset ?? start);
    } finally {
      this.pipeEnds = false;
      this.inLabel = inLabel;
    }
  }

  private checkLabels(labels: readonly Expr[], sawRangeBefore: boolean): boolean {
    let sawRange = sawRangeBefore;
    for (const label of labels) {
      const kind = constantKind(label);
      if (kind === null)
        throw this.fail("ExprExpected", "Expecting a literal expression", startOffset(label), label.end);
      if (kind === "range") sawRange ||= !isEmptyRange(unparen(label));
      else if (kind === "number" && sawRange) {
        throw this.fail(
          "WrongSwitchIntegerCase",
          "Numeric switch case cannot follow a range case",
          startOffset(label),
          label.end,
        );
      }
    }
    return sawRange;
  }

  private parseJump(kind: "Return" | "Throw" | "Break", level: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    lexer.advance();
    const next = lexer.kind;
    const isBare =
      next === Token.End ||
      next === Token.Semicolon ||
      next === Token.Fn ||
      (next === Token.RightBrace && (kind === "Break" || !this.atGlobalLevel));
    if (isBare) return { kind, value: null, start, end: lexer.previousEnd };
    const value = this.parseExpr(this.deeper(level, start));
    return { kind, value, start, end: value.end };
  }

  private parseTry(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    const body = this.parseBlock(level, start);
    if (lexer.kind !== Token.Catch) throw this.missingBlindly("catch", "for the 'try' statement");
    lexer.advance();
    let variable: Identifier | null = null;
    const size = this.names.length;
    if (this.accept(Token.LeftParen)) {
      variable = this.variableName();
      if ((lexer.kind as Token) !== Token.RightParen) throw this.missingBlindly(")", "to enclose the catch variable");
      lexer.advance();
      this.declareName(variable.name, false);
    }
    const handler = this.parseBlock(level, start);
    this.forget(size);
    return { kind: "Try", body, variable, handler, start, end: lexer.previousEnd };
  }

  private parseLet(outer: number, at: number, exported: boolean): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const isConst = lexer.kind === Token.Const;
    const level = this.deeper(outer, at);
    lexer.advance();
    const name = this.variableName();
    const init = this.accept(Token.Assign) ? this.parseExpr(level) : null;
    this.declareName(name.name, isConst);
    return { kind: "Let", name, init, isConst, exported, start, end: lexer.previousEnd };
  }

  private parseImport(outer: number, at: number): Statement {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, at);
    lexer.advance();
    const path = this.parseExpr(level);
    const alias = this.accept(Token.As) ? this.variableName() : null;
    return { kind: "Import", path, alias, start, end: lexer.previousEnd };
  }

  private parseExport(level: number, start: number): Statement {
    const { lexer } = this;
    lexer.advance();
    if (lexer.kind === Token.Let || (lexer.kind as Token) === Token.Const) {
      const statement = this.parseLet(this.deeper(level, start), start, true);
      return { ...statement, start };
    }
    const name = this.variableName();
    const alias = this.accept(Token.As) ? this.variableName() : null;
    return { kind: "Export", name, alias, start, end: lexer.previousEnd } satisfies ExportStatement;
  }

  private parseFunction(): FunctionDefinition {
    const { lexer } = this;
    const { start } = lexer;
    const docComments = this.docCommentsBefore(start);
    const isPrivate = this.accept(Token.Private);
    if (lexer.kind !== Token.Fn) throw this.missingBlindly("fn", "following 'private'");
    const pos = lexer.start;
    const posEnd = lexer.end;
    lexer.advance();
    const { maxDepth, names, constants, inFunction, inLoop, atGlobalLevel } = this;
    this.maxDepth = this.options.functionExprDepth;
    this.names = [];
    this.constants = [];
    this.inFunction = true;
    this.inLoop = false;
    this.atGlobalLevel = false;
    let definition: FunctionDefinition;
    try {
      definition = this.parseFunctionRest(start, pos, isPrivate, docComments);
    } finally {
      this.maxDepth = maxDepth;
      this.names = names;
      this.constants = constants;
      this.inFunction = inFunction;
      this.inLoop = inLoop;
      this.atGlobalLevel = atGlobalLevel;
    }
    this.register(definition, pos, posEnd);
    return definition;
  }

  private register(definition: FunctionDefinition, start: number, end: number): void {
    const { name, params, thisType } = definition;
    const key = `${name}/${params.length}/${thisType ?? ""}`;
    if (this.functions.has(key)) {
      const count =
        params.length === 0 ? "no parameters" : params.length === 1 ? "1 parameter" : `${params.length} parameters`;
      throw this.fail("FnDuplicatedDefinition", `Function ${name} with ${count} already exists`, start, end);
    }
    const { functions } = this.options;
    if (functions > 0 && this.functions.size >= functions) {
      throw this.fail("TooManyFunctions", "Number of functions defined exceeds maximum limit", start, end);
    }
    this.functions.set(key, definition);
  }

  private parseFunctionRest(
    start: number,
    pos: number,
    isPrivate: boolean,
    docComments: readonly string[],
  ): FunctionDefinition {
    const { lexer } = this;
    const level = this.deeper(0, pos);
    let thisType: string | null = null;
    let { kind, text: name, start: nameStart } = lexer;
    const nameError = this.functionNameError();
    lexer.advance();
    if (kind === Token.String && lexer.kind !== Token.Dot)
      throw this.missingBlindly(".", "after the type name for 'this'");
    if ((kind === Token.String || kind === Token.Identifier) && lexer.kind === Token.Dot) {
      thisType = name;
      lexer.advance();
      ({ kind, text: name, start: nameStart } = lexer);
      const error = this.functionNameError();
      if (error !== null) throw error;
      lexer.advance();
    } else if (nameError !== null) throw nameError;
    const params = this.parseParameters(name);
    if (lexer.kind !== Token.LeftBrace) {
      throw this.failBlindly("FnMissingBody", `Expecting body statement block for function ${name}`);
    }
    const body = this.parseBlock(level, pos);
    return {
      kind: "Function",
      name,
      nameStart,
      thisType,
      params,
      isPrivate,
      body,
      docComments,
      pos,
      start,
      end: lexer.previousEnd,
    };
  }

  /** What is wrong with the current token as a function name; null when nothing is. */
  private functionNameError(): RhaiError | null {
    if (this.lexer.kind === Token.Identifier || this.lexer.kind === Token.String) return null;
    if (this.isReservedWord()) return this.reservedHere();
    return this.failBlindly("FnMissingName", "Expecting function name in function declaration");
  }

  private parseParameters(name: string): Identifier[] {
    const { lexer } = this;
    const params: Identifier[] = [];
    if (this.accept(Token.Unit)) return params;
    if (lexer.kind !== Token.LeftParen) {
      throw this.failBlindly("FnMissingParams", `Expecting parameters for function ${name}`);
    }
    lexer.advance();
    while (lexer.kind !== (Token.RightParen as Token)) {
      if ((lexer.kind as Token) !== Token.Identifier) {
        if ((lexer.kind as Token) === Token.Error) throw this.lexError();
        if (this.isReservedWord()) throw this.reservedHere();
        if ((lexer.kind as Token) >= Token.In) throw this.failHere("VariableExpected", "Expecting name of a variable");
        throw this.missing(")", `to close the parameters list of function '${name}'`);
      }
      if (params.some((param) => param.name === lexer.text)) {
        throw this.failHere("FnDuplicatedParam", `Duplicated parameter ${lexer.text} for function ${name}`);
      }
      this.declareName(lexer.text, false);
      params.push(this.identifier());
      if ((lexer.kind as Token) === Token.RightParen) break;
      if ((lexer.kind as Token) !== Token.Comma)
        throw this.missing(",", `to separate the parameters of function '${name}'`);
      lexer.advance();
    }
    lexer.advance();
    return params;
  }

  /** Doc comments with nothing but blanks between them and the function. */
  private docCommentsBefore(start: number): string[] {
    const { comments } = this.lexer;
    const { text } = this.source;
    const docs: string[] = [];
    let end = start;
    for (let i = comments.length - 1; i >= 0; i--) {
      const comment = comments[i]!;
      if (comment.start >= start) continue;
      if (!comment.isDoc || text.slice(comment.end, end).trim() !== "") break;
      docs.unshift(text.slice(comment.start, comment.end));
      end = comment.start;
    }
    return docs;
  }
}

/** Statements after which no `;` is needed. */
export function isSelfTerminated(statement: Statement): boolean {
  switch (statement.kind) {
    case "If":
    case "Switch":
    case "While":
    case "Loop":
    case "For":
    case "Block":
    case "Try":
    case "Function":
      return true;
    default:
      return false;
  }
}

function isEmptyRange(label: Expr): boolean {
  if (label.kind !== "Binary") return false;
  const from = (unparen(label.left) as Literal).value as Int;
  const to = (unparen(label.right) as Literal).value as Int;
  return label.op === ".." ? compareInt(from, to) >= 0 : compareInt(from, to) > 0;
}
