import { Arguments } from "./arguments.ts";
import type { Call, Expression, Macro, Node, Template } from "./ast.ts";
import { escapeHtml, FILTERS } from "./filters.ts";
import { FUNCTIONS } from "./functions.ts";
import { operate } from "./operators.ts";
import { Scope } from "./scope.ts";
import { type Span, TemplateFailure } from "./source.ts";
import { TESTS } from "./tests.ts";
import { isList, isMap, isNumber, isTruthy, kindOf, printed, sortedKeys, type Value, type ValueMap } from "./value.ts";

export type Surroundings = {
  /** Another template by the name an `include`, `import` or `extends` gives it; undefined if there is none. */
  readonly load: (name: string) => Template | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly escape: boolean;
};

const OUTPUT_LIMIT = 64 * 1024 * 1024;
const TURN_LIMIT = 5_000_000;
const DEPTH_LIMIT = 64;
const REPORTED = 20;

type Flow = "on" | "break" | "continue";
/** A variable that nobody set; an error only where its value is needed. */
type Missing = { readonly missing: string; readonly span: Span };
type Outcome = { readonly value: Value } | Missing;
type Unit = { readonly template: Template; readonly scope: Scope; readonly macros: ReadonlyMap<string, Template> };
type BlockAt = { readonly bodies: readonly (readonly Node[])[]; readonly level: number };

/** Whether what is printed into a file of this name is escaped for HTML. (babel-agent §2.4) */
export function escapesHtml(destination: string): boolean {
  return /\.(html|htm|xml)$/.test(destination);
}

/** Renders a template; all undefined variables that it prints are reported at once. */
export function render(template: Template, params: ValueMap, around: Surroundings): string {
  const renderer = new Renderer(around);
  const text = renderer.start(template, params);
  const [first, ...more] = renderer.undefinedPlaces;
  if (first === undefined) return text;
  if (more.length === 0) throw first;
  throw new TemplateFailure(first.span, `${more.length + 1} undefined variables`, [first, ...more]);
}

class Renderer {
  readonly undefinedPlaces: TemplateFailure[] = [];
  readonly #around: Surroundings;
  #output: string[] = [];
  #size = 0;
  #turns = 0;
  #depth = 0;
  #blocks = new Map<string, readonly (readonly Node[])[]>();
  #block: BlockAt | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  start(template: Template, params: ValueMap): string {
    const scope = new Scope(params);
    let top = template;
    const seen = new Set<Template>();
    for (;;) {
      for (const [name, body] of top.blocks) this.#blocks.set(name, [...(this.#blocks.get(name) ?? []), body]);
      if (top.extends === undefined) break;
      if (seen.has(top)) throw new TemplateFailure(top.extends.span, "this template extends itself");
      seen.add(top);
      top = this.#load(top.extends.path, top.extends.span);
    }
    // Macros that the child imports are for its blocks, which the parent renders.
    const macros = new Map([...this.#imports(top), ...this.#imports(template)]);
    this.#nodes(top.body, { template, scope, macros });
    return this.#output.join("");
  }

  #load(name: string, span: Span): Template {
    return this.#around.load(name) ?? this.#fail(span, `there is no template '${name}'`);
  }

  #imports(template: Template): ReadonlyMap<string, Template> {
    return new Map(template.imports.map((each) => [each.namespace, this.#load(each.path, each.span)]));
  }

  #fail(span: Span, what: string): never {
    throw new TemplateFailure(span, what);
  }

  #write(text: string, span: Span): void {
    this.#size += text.length;
    if (this.#size > OUTPUT_LIMIT) this.#fail(span, `the output has more than ${OUTPUT_LIMIT} characters`);
    this.#output.push(text);
  }

  /** What is written by `body`, instead of writing it. */
  #captured(body: () => void): string {
    const outer = this.#output;
    this.#output = [];
    try {
      body();
      return this.#output.join("");
    } finally {
      this.#output = outer;
    }
  }

  #deeper<T>(span: Span, body: () => T): T {
    this.#depth += 1;
    if (this.#depth > DEPTH_LIMIT)
      this.#fail(span, `nested more than ${DEPTH_LIMIT} deep; does it include or call itself?`);
    try {
      return body();
    } finally {
      this.#depth -= 1;
    }
  }

  #nodes(nodes: readonly Node[], unit: Unit): Flow {
    for (const node of nodes) {
      const flow = this.#node(node, unit);
      if (flow !== "on") return flow;
    }
    return "on";
  }

  #node(node: Node, unit: Unit): Flow {
    switch (node.kind) {
      case "text":
        this.#write(node.text, node.span);
        return "on";
      case "print":
        this.#print(node.value, unit);
        return "on";
      case "if": {
        const branch = node.branches.find(({ condition }) => this.#truth(condition, unit));
        return this.#nodes(branch?.body ?? node.otherwise, unit);
      }
      case "for":
        return this.#loop(node, unit);
      case "set": {
        const value = this.#value(node.value, unit);
        if (node.global) unit.scope.setGlobal(node.name, value);
        else unit.scope.set(node.name, value);
        return "on";
      }
      case "filter": {
        const text = this.#captured(() => this.#nodes(node.body, unit));
        this.#write(printed(this.#filter(node.filter, text, unit)), node.span);
        return "on";
      }
      case "block":
        this.#renderBlock(node.name, node.span, unit);
        return "on";
      case "include":
        this.#include(node, unit);
        return "on";
      case "break":
      case "continue":
        return node.kind;
    }
  }

  #renderBlock(name: string, span: Span, unit: Unit): void {
    const bodies = this.#blocks.get(name) ?? [];
    this.#atBlock({ bodies, level: 0 }, span, unit);
  }

  #atBlock(block: BlockAt, span: Span, unit: Unit): void {
    const outer = this.#block;
    this.#block = block;
    try {
      this.#deeper(span, () => this.#nodes(block.bodies[block.level] ?? [], unit));
    } finally {
      this.#block = outer;
    }
  }

  #include(node: Extract<Node, { kind: "include" }>, unit: Unit): void {
    const found = node.paths.map((path) => this.#around.load(path)).find((template) => template !== undefined);
    if (found === undefined) {
      if (node.optional) return;
      this.#fail(node.span, `there is no template '${node.paths.join("' or '")}'`);
    }
    this.#deeper(node.span, () =>
      this.#nodes(found.body, { template: found, scope: unit.scope, macros: this.#imports(found) }),
    );
  }

  #loop(node: Extract<Node, { kind: "for" }>, unit: Unit): Flow {
    const turns = this.#turnsOf(node, this.#value(node.of, unit));
    if (turns.length === 0) return this.#nodes(node.empty, unit);
    for (const [index, { key, value }] of turns.entries()) {
      this.#turns += 1;
      if (this.#turns > TURN_LIMIT) this.#fail(node.span, `more than ${TURN_LIMIT} turns of loops`);
      const names = new Map<string, Value>([
        ["loop", { index: index + 1, index0: index, first: index === 0, last: index === turns.length - 1 }],
        [node.item, value],
      ]);
      if (node.key !== undefined) names.set(node.key, key);
      const flow = unit.scope.turn(names, () => this.#nodes(node.body, unit));
      if (flow === "break") break;
    }
    return "on";
  }

  #turnsOf(node: Extract<Node, { kind: "for" }>, of: Value): readonly { readonly key: Value; readonly value: Value }[] {
    if (isMap(of)) {
      if (node.key === undefined) this.#fail(node.of.span, "this is an object: write 'for key, value in'");
      return sortedKeys(of).map((key) => ({ key, value: of[key]! }));
    }
    if (node.key !== undefined) this.#fail(node.of.span, `'for key, value in' needs an object, not ${kindOf(of)}`);
    if (isList(of)) return of.map((value) => ({ key: null, value }));
    if (typeof of === "string") return [...of].map((value) => ({ key: null, value }));
    return this.#fail(node.of.span, `cannot loop over ${kindOf(of)}`);
  }

  #print(expression: Expression, unit: Unit): void {
    const outcome = this.#evaluate(expression, unit);
    if ("missing" in outcome) {
      if (this.undefinedPlaces.length < REPORTED) this.undefinedPlaces.push(undefinedVariable(outcome));
      return;
    }
    const text = printed(outcome.value);
    this.#write(this.#around.escape && !isSafe(expression) ? escapeHtml(text) : text, expression.span);
  }

  #value(expression: Expression, unit: Unit): Value {
    const outcome = this.#evaluate(expression, unit);
    if ("missing" in outcome) throw undefinedVariable(outcome);
    return outcome.value;
  }

  /** In a condition, what is undefined is false. */
  #truth(expression: Expression, unit: Unit): boolean {
    const outcome = this.#evaluate(expression, unit);
    return "value" in outcome && isTruthy(outcome.value);
  }

  #evaluate(expression: Expression, unit: Unit): Outcome {
    switch (expression.kind) {
      case "variable": {
        const value = unit.scope.get(expression.name);
        return value === undefined ? { missing: expression.name, span: expression.span } : { value };
      }
      case "member":
        return this.#member(expression, unit);
      case "filtered":
        return this.#filtered(expression, unit);
      default:
        return { value: this.#compute(expression, unit) };
    }
  }

  #compute(expression: Exclude<Expression, { kind: "variable" | "member" | "filtered" }>, unit: Unit): Value {
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "array":
        return expression.items.map((item) => this.#value(item, unit));
      case "function":
        return this.#function(expression.call, unit);
      case "macro":
        return this.#macro(expression, unit);
      case "super":
        return this.#super(expression.span, unit);
      case "test":
        return this.#test(expression, unit);
      case "not":
        return !this.#truth(expression.of, unit);
      case "negative": {
        const value = this.#value(expression.of, unit);
        return isNumber(value) ? -value : this.#fail(expression.span, `'-' needs a number, not ${kindOf(value)}`);
      }
      case "binary":
        return this.#binary(expression, unit);
    }
  }

  #binary({ operator, left, right, span }: Extract<Expression, { kind: "binary" }>, unit: Unit): Value {
    if (operator === "and") return this.#truth(left, unit) && this.#truth(right, unit);
    if (operator === "or") return this.#truth(left, unit) || this.#truth(right, unit);
    return operate(operator, this.#value(left, unit), this.#value(right, unit), span);
  }

  #member(expression: Extract<Expression, { kind: "member" }>, unit: Unit): Outcome {
    const of = this.#evaluate(expression.of, unit);
    if ("missing" in of) return of;
    const key = this.#value(expression.key, unit);
    const { value } = of;
    let found: Value | undefined;
    if (isList(value) && isNumber(key)) found = value[Number(key)];
    else if (isMap(value) && Object.hasOwn(value, printed(key))) found = value[printed(key)];
    const { from, to, source } = expression.span;
    return found === undefined ? { missing: source.text.slice(from, to), span: expression.span } : { value: found };
  }

  #filtered({ of, filter }: Extract<Expression, { kind: "filtered" }>, unit: Unit): Outcome {
    const given = this.#evaluate(of, unit);
    if (filter.name === "default") {
      return "missing" in given ? { value: this.#arguments(filter, unit).required("value") } : given;
    }
    if ("missing" in given || filter.name === "safe") return given;
    return { value: this.#filter(filter, given.value, unit) };
  }

  #filter(call: Call, value: Value, unit: Unit): Value {
    const filter = Object.hasOwn(FILTERS, call.name) ? FILTERS[call.name] : undefined;
    if (filter === undefined) return this.#fail(call.span, `there is no filter '${call.name}'`);
    return filter(value, this.#arguments(call, unit));
  }

  #arguments(call: Call, unit: Unit): Arguments {
    return new Arguments(call, new Map(call.args.map((each) => [each.name, this.#value(each.value, unit)])));
  }

  #function(call: Call, unit: Unit): Value {
    const named = Object.hasOwn(FUNCTIONS, call.name) ? FUNCTIONS[call.name] : undefined;
    if (named === undefined) return this.#fail(call.span, `there is no function '${call.name}'`);
    return named(this.#arguments(call, unit), this.#around.env);
  }

  #test({ of, name, args, negated, span }: Extract<Expression, { kind: "test" }>, unit: Unit): boolean {
    const test = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
    if (test === undefined) return this.#fail(span, `there is no test '${name}'`);
    const outcome = this.#evaluate(of, unit);
    const value = "missing" in outcome ? undefined : outcome.value;
    if (value === undefined && "missing" in outcome && name !== "defined" && name !== "undefined") {
      throw undefinedVariable(outcome);
    }
    const result = test(
      value,
      args.map((argument) => this.#value(argument, unit)),
    );
    if (typeof result === "string") return this.#fail(span, `'is ${name}': ${result}`);
    return result !== negated;
  }

  #macro({ namespace, call, span }: Extract<Expression, { kind: "macro" }>, unit: Unit): string {
    const home = namespace === "self" ? unit.template : unit.macros.get(namespace);
    if (home === undefined) return this.#fail(span, `nothing is imported as '${namespace}'`);
    const macro = home.macros.get(call.name);
    if (macro === undefined) return this.#fail(span, `there is no macro '${namespace}::${call.name}'`);
    const inner = {
      template: home,
      scope: new Scope(this.#macroArguments(macro, call, unit)),
      macros: this.#imports(home),
    };
    return this.#deeper(span, () => this.#captured(() => this.#nodes(macro.body, inner)));
  }

  #macroArguments(macro: Macro, call: Call, unit: Unit): ValueMap {
    const unknown = call.args.find((each) => !macro.parameters.some((parameter) => parameter.name === each.name));
    if (unknown) this.#fail(call.span, `macro '${macro.name}' has no parameter '${unknown.name}'`);
    return Object.fromEntries(
      macro.parameters.map(({ name, fallback }) => {
        const given = call.args.find((each) => each.name === name)?.value ?? fallback;
        return [name, given ? this.#value(given, unit) : this.#fail(call.span, `argument '${name}' is missing`)];
      }),
    );
  }

  #super(span: Span, unit: Unit): string {
    const block = this.#block ?? this.#fail(span, "'super()' is only known in a block");
    return this.#captured(() => this.#atBlock({ ...block, level: block.level + 1 }, span, unit));
  }
}

const undefinedVariable = ({ missing, span }: Missing): TemplateFailure =>
  new TemplateFailure(span, `variable '${missing}' is not defined`);

/** Not to be escaped: marked `safe`, or made by a template's own macro or block. */
function isSafe(expression: Expression): boolean {
  if (expression.kind === "filtered") return expression.filter.name === "safe" || isSafe(expression.of);
  return expression.kind === "macro" || expression.kind === "super";
}
