import type { Argument, BinaryOperator, Call, Expression } from "./ast.ts";
import { type Span, TemplateFailure } from "./source.ts";
import type { Token } from "./tokens.ts";

const COMPARISONS: readonly string[] = ["==", "!=", "<", "<=", ">", ">="];
const DEPTH_LIMIT = 100;

/**
 * Parses the tokens of one tag. Precedence, lowest first: or, and, not, comparison and in, filters, ~, + -, * / %, unary minus,
 * then members. Filters apply to all of a calculation: `a + b | round` rounds the sum.
 */
export class ExpressionParser {
  readonly #tokens: readonly Token[];
  readonly #end: Span;
  #at = 0;
  #depth = 0;

  /** @param whole the tag, for messages about what is missing at its end */
  constructor(tokens: readonly Token[], whole: Span) {
    this.#tokens = tokens;
    this.#end = { ...whole, from: Math.max(whole.from, whole.to - 2) };
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }
  /** Where the next token is. */
  get here(): Span {
    return this.#tokens[this.#at]?.span ?? this.#end;
  }

  expectEnd(): void {
    if (!this.done) this.fail("unexpected");
  }

  /** Takes the next token if it is this word or symbol. */
  take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail(`expected '${text}' instead of`);
  }

  word(what: string): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word") return this.fail(`expected ${what} instead of`);
    this.#at += 1;
    return token.text;
  }

  string(what: string): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "string") return this.fail(`expected ${what} in quotes instead of`);
    this.#at += 1;
    return token.text;
  }

  fail(what: string): never {
    const token = this.#tokens[this.#at];
    throw new TemplateFailure(this.here, `${what} ${token === undefined ? "the end of the tag" : `'${token.text}'`}`);
  }

  #is(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token !== undefined && token.kind !== "string" && token.text === text;
  }

  expression(): Expression {
    this.#depth += 1;
    if (this.#depth > DEPTH_LIMIT) throw new TemplateFailure(this.here, "this expression is nested too deeply");
    const left = this.#leftAssociative(["or"], () => this.#leftAssociative(["and"], () => this.#not()));
    this.#depth -= 1;
    return left;
  }

  #leftAssociative(
    operators: readonly BinaryOperator[],
    operand: () => Expression,
    first: Expression = operand(),
  ): Expression {
    let left = first;
    for (;;) {
      const operator = operators.find((each) => this.take(each));
      if (operator === undefined) return left;
      left = binary(operator, left, operand());
    }
  }

  #not(): Expression {
    const start = this.here;
    if (!this.take("not")) return this.#comparison();
    const of = this.#not();
    return { kind: "not", of, span: joined(start, of.span) };
  }

  #comparison(): Expression {
    const left = this.#filtered();
    const operator = COMPARISONS.find((each) => this.take(each)) as BinaryOperator | undefined;
    if (operator !== undefined) return binary(operator, left, this.#filtered());
    if (this.take("in")) return binary("in", left, this.#filtered());
    if (this.#is("not") && this.#is("in", 1)) {
      this.#at += 2;
      return binary("not in", left, this.#filtered());
    }
    return left;
  }

  #filtered(): Expression {
    let of = this.#joined();
    while (this.take("|")) {
      const filter = this.call("a filter");
      of = { kind: "filtered", of, filter, span: joined(of.span, filter.span) };
      // `names | length + 1` goes on calculating with what the filter made.
      of = this.#leftAssociative(["*", "/", "%"], () => this.#unary(), of);
      of = this.#leftAssociative(["+", "-"], () => this.#product(), of);
      of = this.#leftAssociative(["~"], () => this.#sum(), of);
    }
    return of;
  }

  #joined(): Expression {
    return this.#leftAssociative(["~"], () => this.#sum());
  }
  #sum(): Expression {
    return this.#leftAssociative(["+", "-"], () => this.#product());
  }
  #product(): Expression {
    return this.#leftAssociative(["*", "/", "%"], () => this.#unary());
  }

  #unary(): Expression {
    const start = this.here;
    if (!this.take("-")) return this.#tested();
    const of = this.#unary();
    return { kind: "negative", of, span: joined(start, of.span) };
  }

  #tested(): Expression {
    const of = this.#postfix();
    if (!this.take("is")) return of;
    const negated = this.take("not");
    const nameAt = this.here;
    const name = this.word("a test");
    const args: Expression[] = [];
    if (this.take("(")) {
      while (!this.take(")")) {
        args.push(this.expression());
        if (!this.#is(")")) this.expect(",");
      }
    }
    return { kind: "test", of, name, args, negated, span: joined(of.span, nameAt) };
  }

  #postfix(): Expression {
    let of = this.#primary();
    for (;;) {
      if (this.take(".")) {
        const token = this.#tokens[this.#at];
        if (token?.kind !== "word" && token?.kind !== "number") this.fail("expected a name after '.' instead of");
        this.#at += 1;
        const span = token!.span;
        // `a.0.1` is cut into `0.1` by the tokens.
        for (const part of token!.text.split(".")) {
          const key: Expression = { kind: "literal", value: /^\d+$/.test(part) ? Number(part) : part, span };
          of = { kind: "member", of, key, span: joined(of.span, span) };
        }
      } else if (this.take("[")) {
        const key = this.expression();
        const end = this.here;
        this.expect("]");
        of = { kind: "member", of, key, span: joined(of.span, end) };
      } else return of;
    }
  }

  #primary(): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined) return this.fail("expected a value instead of");
    const { span, text } = token;
    if (token.kind === "string") return this.#literal(text, span);
    if (token.kind === "number") {
      const exact = text.includes(".") || Number.isSafeInteger(Number(text));
      return this.#literal(exact ? Number(text) : BigInt(text), span);
    }
    if (token.kind === "word") return this.#named(text, span);
    if (this.take("(")) {
      const inner = this.expression();
      this.expect(")");
      return inner;
    }
    if (this.take("[")) return this.#array(span);
    return this.fail("expected a value instead of");
  }

  #literal(value: string | number | bigint | boolean, span: Span): Expression {
    this.#at += 1;
    return { kind: "literal", value, span };
  }

  #named(text: string, span: Span): Expression {
    if (text === "true" || text === "True") return this.#literal(true, span);
    if (text === "false" || text === "False") return this.#literal(false, span);
    if (this.#is("::", 1)) {
      this.#at += 2;
      const call = this.call("a macro");
      return { kind: "macro", namespace: text, call, span: joined(span, call.span) };
    }
    if (this.#is("(", 1)) {
      const call = this.call("a function");
      const all = joined(span, call.span);
      return text === "super" ? { kind: "super", span: all } : { kind: "function", call, span: all };
    }
    this.#at += 1;
    return { kind: "variable", name: text, span };
  }

  #array(start: Span): Expression {
    const items: Expression[] = [];
    for (;;) {
      const end = this.here;
      if (this.take("]")) return { kind: "array", items, span: joined(start, end) };
      items.push(this.expression());
      if (!this.#is("]")) this.expect(",");
    }
  }

  /** `name` or `name(argument=value, …)`. */
  call(what: string): Call {
    const start = this.here;
    const name = this.word(what);
    const args: Argument[] = [];
    let end = start;
    if (this.take("(")) {
      for (;;) {
        end = this.here;
        if (this.take(")")) break;
        const argument = this.word("the name of an argument");
        this.expect("=");
        args.push({ name: argument, value: this.expression() });
        if (!this.#is(")")) this.expect(",");
      }
    }
    return { name, args, span: joined(start, end) };
  }
}

const joined = (from: Span, to: Span): Span => ({ ...from, to: Math.max(from.to, to.to) });
const binary = (operator: BinaryOperator, left: Expression, right: Expression): Expression => ({
  kind: "binary",
  operator,
  left,
  right,
  span: joined(left.span, right.span),
});
