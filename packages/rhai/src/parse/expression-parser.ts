import type {
  BinaryOperator,
  Block,
  Call,
  Expr,
  Identifier,
  Index,
  Literal,
  MapEntry,
  Member,
  MethodCall,
  Statement,
  TextPart,
  Variable,
} from "../ast/node.ts";
import { errorOffset, startOffset, unparen } from "../ast/positions.ts";
import { precedence, pseudoFunctions, Token, tokenText } from "../lex/token.ts";
import { Float } from "../values/float.ts";
import { INT_MAX, type Int, negate } from "../values/int.ts";
import { isFunctionConstant } from "./closure-kind.ts";
import { closureName } from "./closure-name.ts";
import { ParserState } from "./parser-state.ts";

/** Expressions. `level` is the nesting level so far, counted as the reference counts it (spec 14). */
export abstract class ExpressionParser extends ParserState {
  protected abstract parseBlock(level: number, at: number): Block;
  protected abstract parseStatement(level: number): Statement;
  protected abstract parseIf(level: number, at: number): Statement;
  protected abstract parseSwitch(level: number, at: number): Statement;
  protected abstract parseWhileOrLoop(level: number, at: number): Statement;
  protected abstract parseDo(level: number, at: number): Statement;
  protected abstract parseFor(level: number, at: number): Statement;

  protected parseExpr(level: number): Expr {
    const { lexer } = this;
    const inner = this.deeper(level, lexer.start);
    return this.parseBinary(inner, 1, this.parseUnary(inner));
  }

  private parseUnary(level: number): Expr {
    const { lexer } = this;
    const { start } = lexer;
    switch (lexer.kind) {
      case Token.Minus: {
        lexer.advance();
        const operand = this.parseUnary(this.deeper(level, start));
        if (operand.kind === "Literal") {
          if (operand.type === "int") {
            const value = negate(operand.value as Int);
            if (value === null) {
              const float = new Float(-Number(operand.value));
              return { kind: "Literal", type: "float", value: float, start, end: operand.end };
            }
            return { kind: "Literal", type: "int", value, start, end: operand.end };
          }
          if (operand.type === "float") {
            const value = new Float(-(operand.value as Float).n);
            return { kind: "Literal", type: "float", value, start, end: operand.end };
          }
        }
        return { kind: "Unary", op: "-", operand, start, end: operand.end };
      }
      case Token.Plus: {
        lexer.advance();
        const operand = this.parseUnary(this.deeper(level, start));
        return { kind: "Unary", op: "+", operand, start, end: operand.end };
      }
      case Token.Bang: {
        lexer.advance();
        const operand = this.parseUnary(this.deeper(level, start));
        return { kind: "Unary", op: "!", operand, start, end: operand.end };
      }
      case Token.Range:
      case Token.RangeInclusive:
        // `..5` starts at 0: a zero-width literal.
        return { kind: "Literal", type: "int", value: 0, start, end: start };
      default:
        return this.parsePrimary(level);
    }
  }

  /** Operators that bind at least as tight as `limit` (tighter, unless they bind to the right). */
  private parseBinary(outer: number, limit: number, first: Expr): Expr {
    const { lexer } = this;
    let level = outer;
    let root = first;
    let reportAt = -1;
    for (;;) {
      const { kind, start: pos, end: opEnd } = lexer;
      if (this.pipeEnds && kind === Token.Pipe) return root;
      if (kind === Token.Reserved && !this.isReservedWord()) {
        throw this.failHere("UnknownOperator", `Unknown operator: '${lexer.text}'`);
      }
      const strength = precedence[kind]!;
      if (strength < limit || (strength === limit && kind !== Token.Power)) return root;
      lexer.advance();
      let isOpenRight = false;
      let right: Expr;
      if ((kind === Token.Range || kind === Token.RangeInclusive) && this.endsOpenRange()) {
        right = { kind: "Literal", type: "int", value: INT_MAX, start: opEnd, end: opEnd };
        isOpenRight = true;
      } else if (kind === Token.Coalesce && this.startsJump()) {
        const statement = this.parseStatement(level);
        right = { kind: "StatementExpr", statement, start: statement.start, end: statement.end };
      } else {
        right = this.parseUnary(level);
      }
      level = this.deeper(level, reportAt < 0 ? errorOffset(first) : reportAt);
      reportAt = pos;
      if (!(this.pipeEnds && lexer.kind === Token.Pipe)) {
        if (lexer.kind === Token.Reserved && !this.isReservedWord()) {
          throw this.failHere("UnknownOperator", `Unknown operator: '${lexer.text}'`);
        }
        const next = precedence[lexer.kind]!;
        if (strength < next || (strength === next && kind === Token.Power)) {
          right = this.parseBinary(level, strength, right);
        }
      }
      const { start } = root;
      const { end } = right;
      if (kind === Token.Coalesce) {
        root = { kind: "Logical", op: "??", left: root, right, pos, start, end };
      } else if (kind === Token.And || kind === Token.Or) {
        this.ensureBool(root);
        this.ensureBool(right);
        root = { kind: "Logical", op: kind === Token.And ? "&&" : "||", left: root, right, pos, start, end };
      } else {
        const op = tokenText[kind] as BinaryOperator;
        const isOpenLeft =
          (kind === Token.Range || kind === Token.RangeInclusive) && root.kind === "Literal" && root.start === root.end;
        if (isOpenLeft || isOpenRight) {
          const open = isOpenLeft ? (isOpenRight ? "both" : "left") : "right";
          root = { kind: "Binary", op, left: root, right, pos, opEnd, open, start, end };
        } else {
          root = { kind: "Binary", op, left: root, right, pos, opEnd, start, end };
        }
      }
    }
  }

  private endsOpenRange(): boolean {
    switch (this.lexer.kind) {
      case Token.RightBracket:
      case Token.RightParen:
      case Token.RightBrace:
      case Token.Comma:
      case Token.Semicolon:
      case Token.Arrow:
        return true;
      default:
        return false;
    }
  }

  private startsJump(): boolean {
    const { kind } = this.lexer;
    return kind === Token.Return || kind === Token.Throw || kind === Token.Break || kind === Token.Continue;
  }

  private parsePrimary(level: number): Expr {
    const { lexer } = this;
    const { start, end } = lexer;
    let root: Expr;
    switch (lexer.kind) {
      case Token.Int:
        root = { kind: "Literal", type: "int", value: lexer.value, start, end };
        lexer.advance();
        break;
      case Token.Identifier:
        root = this.parseName();
        break;
      case Token.String:
        this.checkTextLength(lexer.text);
        root = { kind: "Literal", type: "string", value: lexer.value, start, end };
        lexer.advance();
        break;
      case Token.Interpolated:
        root = this.parseInterpolated(level);
        break;
      case Token.Float:
        root = { kind: "Literal", type: "float", value: lexer.value, start, end };
        lexer.advance();
        break;
      case Token.Char:
        root = { kind: "Literal", type: "char", value: lexer.value, start, end };
        lexer.advance();
        break;
      case Token.True:
      case Token.False:
        root = { kind: "Literal", type: "bool", value: lexer.kind === Token.True, start, end };
        lexer.advance();
        break;
      case Token.Unit:
        root = { kind: "Literal", type: "unit", value: undefined, start, end };
        lexer.advance();
        break;
      case Token.LeftParen:
        root = this.parseParen(level);
        break;
      case Token.LeftBracket:
        root = this.parseArray(level);
        break;
      case Token.MapStart:
        root = this.parseMap(level);
        break;
      case Token.LeftBrace:
        root = this.statementExpr(this.parseBlock(level, start));
        break;
      case Token.If:
        root = this.statementExpr(this.parseIf(level, start));
        break;
      case Token.Switch:
        root = this.statementExpr(this.parseSwitch(level, start));
        break;
      case Token.While:
      case Token.Loop:
        root = this.statementExpr(this.parseWhileOrLoop(level, start));
        break;
      case Token.Do:
        root = this.statementExpr(this.parseDo(level, start));
        break;
      case Token.For:
        root = this.statementExpr(this.parseFor(level, start));
        break;
      case Token.Pipe:
      case Token.Or:
        if (this.pipeEnds && lexer.kind === Token.Pipe) throw this.unexpected();
        root = this.parseClosure(level, start);
        break;
      case Token.Reserved:
        root = this.parseReserved();
        break;
      case Token.End:
        throw this.failHere("UnexpectedEOF", "Script is incomplete");
      default:
        throw this.unexpected();
    }
    return this.parsePostfix(level, root);
  }

  private statementExpr(statement: Statement): Expr {
    return { kind: "StatementExpr", statement, start: statement.start, end: statement.end };
  }

  /** A plain name; calls and paths follow in the postfix loop. */
  private parseName(): Variable {
    const { lexer } = this;
    const node: Variable = {
      kind: "Variable",
      name: lexer.text,
      path: [],
      pos: lexer.start,
      start: lexer.start,
      end: lexer.end,
    };
    lexer.advance();
    return node;
  }

  private parseReserved(): Expr {
    const { lexer } = this;
    const { text, start, end } = lexer;
    const error = this.reservedHere();
    const callable = pseudoFunctions.has(text) && !lexer.isDisabled(text);
    lexer.advance();
    if (callable && this.startsCall()) return { kind: "Variable", name: text, path: [], pos: start, start, end };
    if (text !== "this" || lexer.isDisabled(text)) throw error;
    if (this.inFunction) return { kind: "This", start, end };
    throw this.fail("ImproperSymbol", "'this' can only be used in functions", start, end);
  }

  private startsCall(): boolean {
    const { kind } = this.lexer;
    return kind === Token.LeftParen || kind === Token.Unit || kind === Token.Bang;
  }

  private parsePostfix(outer: number, first: Expr): Expr {
    const { lexer } = this;
    let level = outer;
    let root = first;
    /** After a dot, names are properties or methods: no module paths. */
    let afterDot = false;
    for (;;) {
      const { kind, start: pos } = lexer;
      if (kind === Token.Dot || kind === Token.Elvis) {
        lexer.advance();
        level = this.deeper(level, pos);
        root = this.parseMember(level, root, kind === Token.Elvis, pos);
        afterDot = true;
      } else if (kind === Token.LeftBracket || kind === Token.QuestionBracket) {
        root = this.parseIndexChain(level, root);
      } else if (!afterDot && root.kind === "Variable" && root === first) {
        const parsed = this.parseNamePostfix(level, root);
        if (parsed === null) return root;
        root = parsed;
        afterDot = true;
      } else return root;
    }
  }

  /** What may follow a bare name: `::`, `!(…)`, `(…)`. Null when nothing does. */
  private parseNamePostfix(level: number, name: Variable): Expr | null {
    const { lexer } = this;
    let { name: last, pos, end } = name;
    const path: Identifier[] = [];
    for (;;) {
      if (lexer.kind === Token.DoubleColon) {
        lexer.advance();
        path.push({ kind: "Identifier", name: last, start: pos, end });
        const member = this.variableName();
        last = member.name;
        pos = member.start;
        end = member.end;
        continue;
      }
      if (lexer.kind === Token.Bang) {
        if (path.length > 0) {
          const bang = lexer.start;
          lexer.advance();
          if ((lexer.kind as Token) === Token.LeftParen || (lexer.kind as Token) === Token.Unit)
            throw this.fail("UnexpectedInput", "Unexpected '!'", bang, bang + 1);
          throw this.fail("ImproperSymbol", "'!' cannot be used to call module functions", bang, bang + 1);
        }
        lexer.advance();
        if ((lexer.kind as Token) !== Token.LeftParen && (lexer.kind as Token) !== Token.Unit) {
          throw this.missingBlindly("(", "to start arguments list of function call");
        }
        const args = this.parseArguments(level, last, pos);
        return {
          kind: "Call",
          name: last,
          path,
          args,
          capture: true,
          pos,
          nameEnd: end,
          start: name.start,
          end: lexer.previousEnd,
        };
      }
      if (lexer.kind === Token.LeftParen || lexer.kind === Token.Unit) {
        const args = this.parseArguments(level, last, pos);
        return {
          kind: "Call",
          name: last,
          path,
          args,
          capture: false,
          pos,
          nameEnd: end,
          start: name.start,
          end: lexer.previousEnd,
        } satisfies Call;
      }
      if (path.length === 0) return null;
      return { kind: "Variable", name: last, path, pos, start: name.start, end };
    }
  }

  private parseMember(level: number, object: Expr, optional: boolean, dotPos: number): Member | MethodCall {
    const { lexer } = this;
    const { text: name, start: pos, end: nameEnd } = lexer;
    if (lexer.kind === Token.Reserved) {
      if (pseudoFunctions.get(name) !== true || lexer.isDisabled(name)) throw this.reservedHere();
      const error = this.reservedHere();
      lexer.advance();
      if (!this.startsCall()) throw error;
    } else if (lexer.kind === Token.Identifier) {
      lexer.advance();
    } else throw this.failBlindly("PropertyExpected", "Expecting name of a property");
    const { start } = object;
    switch (lexer.kind as Token) {
      case Token.DoubleColon:
        throw this.fail("ImproperSymbol", "Invalid symbol encountered: '::'", lexer.start, lexer.end);
      case Token.Bang: {
        lexer.advance();
        if ((lexer.kind as Token) !== Token.LeftParen && (lexer.kind as Token) !== Token.Unit) {
          throw this.missingBlindly("(", "to start arguments list of function call");
        }
        this.parseArguments(level, name, pos);
        const text = "method-call style does not support running within the caller's scope";
        throw this.fail("MalformedCapture", text, pos, nameEnd);
      }
      case Token.LeftParen:
      case Token.Unit: {
        const args = this.parseArguments(level, name, pos);
        return {
          kind: "MethodCall",
          object,
          name,
          args,
          optional,
          pos,
          nameEnd,
          dotPos,
          start,
          end: lexer.previousEnd,
        };
      }
      default:
        return { kind: "Member", object, name, optional, pos, dotPos, start, end: nameEnd };
    }
  }

  private parseArguments(outer: number, name: string, at: number): Expr[] {
    const { lexer } = this;
    const args: Expr[] = [];
    if (this.accept(Token.Unit)) return args;
    lexer.advance();
    if (this.accept(Token.RightParen)) return args;
    const closing = `to close the arguments list of this function call '${name}'`;
    if (lexer.kind === Token.End) throw this.missing(")", closing);
    if (lexer.kind === Token.Error) throw this.lexError();
    const level = this.deeper(outer, at);
    const { pipeEnds } = this;
    this.pipeEnds = false;
    for (;;) {
      if (lexer.kind !== Token.RightParen) args.push(this.parseExpr(level));
      if (lexer.kind === Token.Comma) lexer.advance();
      else if (lexer.kind === Token.RightParen) break;
      else if ((lexer.kind as Token) === Token.End) throw this.missing(")", closing);
      else throw this.missing(",", `to separate the arguments to function call '${name}'`);
    }
    this.pipeEnds = pipeEnds;
    lexer.advance();
    return args;
  }

  /** `[i][j]…`: each further bracket of a chain is two levels deeper. */
  private parseIndexChain(outer: number, object: Expr): Expr {
    const { lexer } = this;
    let level = outer;
    let root = object;
    let first = true;
    const { pipeEnds } = this;
    this.pipeEnds = false;
    while (lexer.kind === Token.LeftBracket || lexer.kind === Token.QuestionBracket) {
      const pos = lexer.start;
      const optional = lexer.kind === Token.QuestionBracket;
      level = this.deeper(this.deeper(level, pos), pos);
      lexer.advance();
      const index = this.parseExpr(level);
      if (first) this.checkIndex(unparen(object), unparen(index));
      first = false;
      if ((lexer.kind as Token) !== Token.RightBracket)
        throw this.missing("]", "for a matching [ in this index expression");
      lexer.advance();
      root = {
        kind: "Index",
        object: root,
        index,
        optional,
        pos,
        start: object.start,
        end: lexer.previousEnd,
      } satisfies Index;
    }
    this.pipeEnds = pipeEnds;
    return root;
  }

  private checkIndex(object: Expr, index: Expr): void {
    const what = indexKind(index);
    if (what === null) return;
    if (object.kind === "Map") {
      if (what === "a string") return;
      throw this.fail(
        "MalformedIndexExpr",
        `Object map expects string index, not ${what}`,
        startOffset(index),
        index.end,
      );
    }
    const isIndexable =
      object.kind === "Array" ||
      object.kind === "InterpolatedString" ||
      (object.kind === "Literal" && (object.type === "int" || object.type === "string"));
    if (!isIndexable || what === "a number") return;
    const wanted = what === "a string" ? "numeric" : "integer";
    const text = `Array, string or bit-field expects ${wanted} index, not ${what}`;
    throw this.fail("MalformedIndexExpr", text, startOffset(index), index.end);
  }

  private parseParen(outer: number): Expr {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, start);
    lexer.advance();
    const { pipeEnds } = this;
    this.pipeEnds = false;
    const expr = this.parseExpr(level);
    this.pipeEnds = pipeEnds;
    if (lexer.kind !== Token.RightParen) throw this.missing(")", "for a matching ( in this expression");
    lexer.advance();
    return { kind: "Paren", expr, start, end: lexer.previousEnd };
  }

  private parseArray(outer: number): Expr {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, start);
    lexer.advance();
    const items: Expr[] = [];
    const { pipeEnds } = this;
    this.pipeEnds = false;
    const { arraySize } = this.options;
    for (;;) {
      if (arraySize > 0 && items.length >= arraySize) {
        throw this.failHere("LiteralTooLarge", `Size of array literal exceeds the maximum limit (${arraySize})`);
      }
      if (lexer.kind === Token.RightBracket) break;
      if (lexer.kind === Token.End) throw this.missing("]", "to end this array literal");
      items.push(this.parseExpr(level));
      if ((lexer.kind as Token) === Token.Comma) lexer.advance();
      else if ((lexer.kind as Token) === Token.RightBracket) break;
      else if ((lexer.kind as Token) === Token.End) throw this.missing("]", "to end this array literal");
      else throw this.missing(",", "to separate the items of this array literal");
    }
    this.pipeEnds = pipeEnds;
    lexer.advance();
    return { kind: "Array", items, start, end: lexer.previousEnd };
  }

  private parseMap(outer: number): Expr {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, start);
    lexer.advance();
    const entries: MapEntry[] = [];
    const keys = new Set<string>();
    const closing = "to end this object map literal";
    const { pipeEnds } = this;
    this.pipeEnds = false;
    const { mapSize } = this.options;
    while (lexer.kind !== Token.RightBrace) {
      if (lexer.kind === Token.End) throw this.missing("}", closing);
      const { kind, text: key, start: keyStart, end: keyEnd } = lexer;
      if (kind !== Token.Identifier && kind !== Token.String) {
        if (kind === Token.Interpolated) throw this.failHere("PropertyExpected", "Expecting name of a property");
        if (this.isReservedWord()) throw this.reservedHere();
        if (entries.length === 0) throw this.missing("}", closing);
        throw this.failHere("PropertyExpected", "Expecting name of a property");
      }
      if (keys.has(key))
        throw this.failHere("DuplicatedProperty", `Duplicated property for object map literal: ${key}`);
      keys.add(key);
      lexer.advance();
      if ((lexer.kind as Token) !== Token.Colon)
        throw this.missing(":", `to follow the property '${key}' in this object map literal`);
      lexer.advance();
      if (mapSize > 0 && entries.length >= mapSize) {
        throw this.failHere(
          "LiteralTooLarge",
          `Number of properties in object map literal exceeds the maximum limit (${mapSize})`,
        );
      }
      const value = this.parseExpr(level);
      entries.push({ key, keyStart, keyEnd, value, start: keyStart, end: value.end });
      if ((lexer.kind as Token) === Token.Comma) lexer.advance();
      else if ((lexer.kind as Token) === Token.Identifier)
        throw this.missing(",", "to separate the items of this object map literal");
      else if ((lexer.kind as Token) !== Token.RightBrace) throw this.missing("}", closing);
    }
    this.pipeEnds = pipeEnds;
    lexer.advance();
    return { kind: "Map", entries, start, end: lexer.previousEnd };
  }

  private parseInterpolated(outer: number): Expr {
    const { lexer } = this;
    const { start } = lexer;
    const level = this.deeper(outer, start);
    const quasis: TextPart[] = [{ text: lexer.text, start: start + 1, end: lexer.end - 2 }];
    const blocks: Block[] = [];
    const { pipeEnds, atGlobalLevel } = this;
    this.pipeEnds = false;
    do {
      // The block ends on its `}`, from where the lexer goes on with text.
      blocks.push(this.parseInterpolationBlock(level));
      lexer.continueText();
      if (lexer.kind === Token.Error) throw this.lexError();
      const closing = lexer.kind === Token.Interpolated ? 2 : 1;
      quasis.push({ text: lexer.text, start: lexer.start, end: lexer.end - closing });
    } while (lexer.kind === Token.Interpolated);
    this.pipeEnds = pipeEnds;
    this.atGlobalLevel = atGlobalLevel;
    lexer.advance();
    return { kind: "InterpolatedString", quasis, blocks, start, end: lexer.previousEnd };
  }

  /** Parses `{ … }` and leaves the closing brace as the current token. */
  protected abstract parseInterpolationBlock(level: number): Block;

  private parseClosure(outer: number, start: number): Expr {
    const { lexer } = this;
    const { maxDepth, names, constants, inFunction, inLoop, atGlobalLevel, pipeEnds } = this;
    this.maxDepth = this.options.functionExprDepth;
    this.names = [];
    this.constants = [];
    this.inFunction = true;
    this.inLoop = false;
    this.atGlobalLevel = false;
    this.pipeEnds = false;
    const level = this.deeper(outer, start);
    const params = this.parseClosureParams();
    const body = this.parseStatement(level);
    this.maxDepth = maxDepth;
    this.names = names;
    this.constants = constants;
    this.inFunction = inFunction;
    this.inLoop = inLoop;
    this.atGlobalLevel = atGlobalLevel;
    this.pipeEnds = pipeEnds;
    const end = Math.max(lexer.previousEnd, body.end);
    return { kind: "Closure", params, body, name: closureName(this.source.text, start, end), start, end };
  }

  private parseClosureParams(): Identifier[] {
    const { lexer } = this;
    const params: Identifier[] = [];
    if (this.accept(Token.Or)) return params;
    lexer.advance();
    if (this.accept(Token.Pipe)) return params;
    for (;;) {
      if (lexer.kind === Token.Pipe) break;
      if (lexer.kind !== Token.Identifier) {
        throw this.missing("|", "to close the parameters list of anonymous function or closure");
      }
      if (params.some((param) => param.name === lexer.text)) {
        throw this.failHere("FnDuplicatedParam", `Duplicated parameter ${lexer.text} for function `);
      }
      this.declareName(lexer.text, false);
      params.push(this.identifier());
      if ((lexer.kind as Token) === Token.Pipe) break;
      if ((lexer.kind as Token) !== Token.Comma)
        throw this.missing(",", "to separate the parameters of anonymous function");
      lexer.advance();
    }
    lexer.advance();
    return params;
  }

  protected ensureBool(expr: Expr): void {
    const what = nonBool(unparen(expr));
    if (what !== null) {
      throw this.fail("MismatchedType", `Expecting a boolean expression, not ${what}`, startOffset(expr), expr.end);
    }
  }

  protected ensureIterable(expr: Expr): void {
    const inner = unparen(expr);
    let what: string | null = null;
    if (inner.kind === "Literal") what = inner.type === "string" ? null : literalKind(inner);
    else if (inner.kind === "Map") what = "an object map";
    if (what !== null) {
      throw this.fail("MismatchedType", `Expecting an iterable value, not ${what}`, startOffset(expr), expr.end);
    }
  }

  /** A condition followed by an assignment operator is most likely a comparison gone wrong. */
  protected ensureNotAssignment(): void {
    const { kind } = this.lexer;
    if (kind === Token.Assign) throw this.failHere("ImproperSymbol", "Possibly a typo of '=='?");
    if (kind >= Token.PlusAssign && kind <= Token.XorAssign) {
      throw this.failHere("ImproperSymbol", "Expecting a boolean expression, not an assignment");
    }
  }

  protected ensureNotBlock(): void {
    if (this.lexer.kind === Token.LeftBrace) throw this.failHere("ExprExpected", "Expecting a boolean expression");
  }
}

function literalKind(literal: Literal): string {
  switch (literal.type) {
    case "unit":
      return "()";
    case "bool":
      return "a boolean";
    case "int":
      return "a number";
    case "float":
      return "a floating-point number";
    case "char":
      return "a character";
    default:
      return "a string";
  }
}

function nonBool(expr: Expr): string | null {
  switch (expr.kind) {
    case "Literal":
      return expr.type === "bool" ? null : literalKind(expr);
    case "InterpolatedString":
      return "a string";
    case "Array":
      return "an array";
    case "Map":
      return "an object map";
    case "Closure":
      return isFunctionConstant(expr) ? "Fn" : null;
    default:
      return null;
  }
}

function indexKind(index: Expr): string | null {
  switch (index.kind) {
    case "InterpolatedString":
      return "a string";
    case "Logical":
      return index.op === "??" ? null : "a boolean";
    case "Literal":
      return index.type === "float" ? "a float" : literalKind(index);
    default:
      return null;
  }
}
