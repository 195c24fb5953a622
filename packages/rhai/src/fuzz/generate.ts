import type { Random } from "./random.ts";

/** What a generated program may refer to at some place. */
interface Context {
  readonly variables: readonly string[];
  readonly constants: readonly string[];
  readonly inFunction: boolean;
  readonly inLoop: boolean;
  /** Levels of nesting left. */
  readonly depth: number;
}

interface GeneratedFunction {
  readonly name: string;
  readonly params: readonly string[];
}

const NAMES = ["a", "b", "c", "count", "item", "items", "total", "x1", "_tmp", "n2", "snake_case", "camelCase"];
const PROPERTIES = ["len", "name", "value", "is_empty", "a", "b", "key"];
const METHODS = [
  "len",
  "push",
  "pop",
  "contains",
  "to_string",
  "keys",
  "map",
  "filter",
  "trim",
  "sub_string",
  "abs",
  "call",
  "type_of",
  "sort",
  "split",
  "get",
  "set",
  "insert",
  "extract",
  "reverse",
  "retain",
  "pad",
  "replace",
  "to_upper",
  "index_of",
];
const NATIVES = [
  "abs",
  "len",
  "max",
  "min",
  "type_of",
  "to_string",
  "parse_int",
  "blob",
  "range",
  "is_def_var",
  "Fn",
  "timestamp",
  "to_float",
  "sqrt",
];
const LITERALS = [
  "0",
  "1",
  "-1",
  "42",
  "007",
  "1_000",
  "0xff",
  "0xffff_ffff_ffff_ffff",
  "0b1010",
  "0o17",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "1.5",
  "0.1",
  "1e5",
  "1.5e-3",
  "1e400",
  "5. ",
  "'c'",
  "'\\n'",
  "'\\''",
  "'é'",
  '""',
  '"text"',
  '"a\\tb\\n"',
  '"x\\u00e9"',
  '"quo""te"',
  '"line \\\n      continued"',
  "``",
  "`back\\tick`",
  "`two\nlines`",
  "`$ {no}`",
  '#"raw \\n "quoted" string"#',
  '##"a "# b"##',
  "true",
  "false",
  "()",
  "'😀'",
  '"😀 wide"',
];
const BINARY = [
  "+",
  "-",
  "*",
  "/",
  "%",
  "**",
  "<<",
  ">>",
  "&",
  "|",
  "^",
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "in",
  "!in",
  "&&",
  "||",
  "??",
  "..",
  "..=",
];
const ASSIGN = ["=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", "&=", "|=", "^="];

/** Writes random programs: nearly always well-formed, often failing at run time, with blanks and comments anywhere. */
export class Generator {
  private readonly random: Random;
  private functions: GeneratedFunction[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  program(): string {
    this.functions = this.random.list(3, (i) => ({
      name: `${this.random.pick(["work", "helper", "visit"])}${i}`,
      params: ["p", "q", "r"].slice(0, this.random.next(4)),
    }));
    const parts: string[] = [];
    let context: Context = { variables: [], constants: [], inFunction: false, inLoop: false, depth: 4 };
    const pending = [...this.functions];
    for (let left = 1 + this.random.next(8); left > 0; left--) {
      if (pending.length > 0 && this.random.chance(40)) parts.push(this.functionDefinition(pending.pop()!, context));
      const [text, after] = this.statement(context, true);
      parts.push(text);
      context = after;
    }
    for (const definition of pending) parts.push(this.functionDefinition(definition, context));
    return (
      parts.join(this.random.pick(["\n", "\n\n", " ", "\n\n\n"])) +
      this.random.pick(["", "\n", "\n// end\n", " /* end */"])
    );
  }

  private functionDefinition({ name, params }: GeneratedFunction, global: Context): string {
    const doc = this.random.chance(20) ? "/// Does something.\n" : "";
    const visibility = this.random.chance(20) ? `private${this.gap()}` : "";
    const receiver = this.random.chance(10) ? `${this.random.pick(["int", "string", "map", '"array"'])}.` : "";
    const context: Context = { ...global, variables: params, inFunction: true, inLoop: false, depth: 3 };
    return `${doc}${visibility}fn${this.gap()}${receiver}${name}(${this.separated(params)})${this.blank()}${this.block(context)}`;
  }

  private block(context: Context): string {
    if (context.depth <= 0) return this.random.pick(["{}", "{ }", "{ 1 }", "{ /* nothing */ }", "{\n// nothing\n}"]);
    let inner: Context = { ...context, depth: context.depth - 1 };
    const statements = this.random.list(3, () => {
      const [text, after] = this.statement(inner, false);
      inner = after;
      return text;
    });
    const value = this.random.chance(40) ? this.expression(inner) : "";
    const separator = this.random.pick([" ", "\n", "\n    ", "\n\n"]);
    return `{${separator}${[...statements, value].join(separator)}${separator}}`;
  }

  /** A statement with its terminator, and what later statements may refer to. */
  private statement(context: Context, global: boolean): readonly [string, Context] {
    const deeper: Context = { ...context, depth: context.depth - 1 };
    const end = `${this.random.chance(10) ? this.blank() : ""};${this.random.chance(5) ? ";" : ""}`;
    const same = (text: string): readonly [string, Context] => [text, context];
    const choice = this.random.next(context.depth > 0 ? 24 : 9);
    switch (choice) {
      case 0:
      case 1:
      case 2: {
        const name = this.random.pick(NAMES);
        const init = this.random.chance(90) ? `${this.blank()}=${this.blank()}${this.expression(deeper)}` : "";
        const prefix = global && this.random.chance(10) ? `export${this.gap()}` : "";
        return [
          `${prefix}let${this.gap()}${name}${init}${end}`,
          { ...context, variables: [...context.variables, name] },
        ];
      }
      case 3: {
        const name = this.random.pick(["LIMIT", "NAMES", "PORT"]);
        return [
          `const${this.gap()}${name}${this.blank()}=${this.blank()}${this.expression(deeper)}${end}`,
          { ...context, constants: global ? [...context.constants, name] : context.constants },
        ];
      }
      case 4:
      case 5: {
        if (context.variables.length === 0) return same(`${this.expression(deeper)}${end}`);
        const target = this.random.oneOf(
          () => this.random.pick(context.variables),
          () => `${this.random.pick(context.variables)}.${this.random.pick(PROPERTIES)}`,
          () => `${this.random.pick(context.variables)}[${this.expression(deeper)}]`,
        );
        return same(
          `${target}${this.blank()}${this.random.pick(ASSIGN)}${this.blank()}${this.expression(deeper)}${end}`,
        );
      }
      case 6:
        return same(`print(${this.expression(deeper)})${end}`);
      case 7:
        return same(`${this.comment()}\n`);
      case 8:
        return same(`${this.expression(deeper)}${end}`);
      case 9:
      case 10:
      case 11:
        return same(this.conditional(deeper));
      case 12:
        return same(
          `while${this.gap()}${this.condition(deeper)}${this.blank()}${this.block({ ...deeper, inLoop: true })}`,
        );
      case 13:
      case 14: {
        const variable = this.random.pick(["i", "v"]);
        const counter = this.random.chance(20);
        const names = counter ? `(${variable},${this.blank()}n)` : variable;
        const body: Context = { ...deeper, inLoop: true, variables: [...context.variables, variable] };
        const iterable = this.random.oneOf(
          () => `0..${this.random.next(5)}`,
          () => this.array(deeper),
          () => `range(0, ${this.random.next(9)}, 2)`,
        );
        return same(
          `for${this.gap()}${names}${this.gap()}in${this.gap()}${iterable}${this.blank()}${this.block(body)}`,
        );
      }
      case 15:
        return same(
          `do${this.blank()}${this.block({ ...deeper, inLoop: true })}${this.blank()}${this.random.pick(["while", "until"])}${this.gap()}${this.condition(deeper)};`,
        );
      case 16:
        return same(this.choice(deeper));
      case 17: {
        const variable = this.random.chance(60) ? `${this.blank()}(e)` : "";
        const handler: Context = variable === "" ? deeper : { ...deeper, variables: [...deeper.variables, "e"] };
        return same(
          `try${this.blank()}${this.block(deeper)}${this.blank()}catch${variable}${this.blank()}${this.block(handler)}`,
        );
      }
      case 18:
        return same(
          context.inLoop
            ? `${this.random.pick(["break", "continue", `break ${this.expression(deeper)}`])};`
            : `${this.block(deeper)}`,
        );
      case 19:
        return same(
          this.random.chance(50)
            ? `throw${this.gap()}${this.expression(deeper)};`
            : `return${this.gap()}${this.expression(deeper)};`,
        );
      case 20:
        return same(`loop${this.blank()}{${this.blank()}break;${this.blank()}}`);
      case 21:
        return same(`import${this.gap()}"${this.random.pick(["lib", "none"])}"${this.gap()}as${this.gap()}lib${end}`);
      default:
        return same(`${this.call(deeper)}${end}`);
    }
  }

  private conditional(context: Context): string {
    let text = `if${this.gap()}${this.condition(context)}${this.blank()}${this.block(context)}`;
    while (this.random.chance(30)) {
      text += `${this.blank()}else${this.gap()}if${this.gap()}${this.condition(context)}${this.blank()}${this.block(context)}`;
    }
    if (this.random.chance(50)) text += `${this.blank()}else${this.blank()}${this.block(context)}`;
    return text;
  }

  private choice(context: Context): string {
    const labels = ["1", "2", "-3", "'x'", '"text"', "true", "()", "1.5", "#{a: 1}", "[1, 2]"];
    const arms = this.random.list(3, () => {
      const label = this.random.chance(20)
        ? `${this.random.pick(labels)} | ${this.random.pick(labels)}`
        : this.random.pick(labels);
      const guard = this.random.chance(25) ? `${this.gap()}if${this.gap()}${this.condition(context)}` : "";
      return `${label}${guard}${this.blank()}=>${this.blank()}${this.random.chance(30) ? this.block(context) : this.expression(context)}`;
    });
    if (this.random.chance(30)) arms.push(`0..10${this.blank()}=>${this.blank()}${this.expression(context)}`);
    if (this.random.chance(60)) arms.push(`_${this.blank()}=>${this.blank()}${this.expression(context)}`);
    const comma = this.random.chance(40) ? "," : "";
    return `switch${this.gap()}${this.operand(context)}${this.blank()}{${this.blank()}${arms.join(`,${this.blank()}`)}${arms.length > 0 ? comma : ""}${this.blank()}}`;
  }

  private condition(context: Context): string {
    return this.random.oneOf(
      () => this.random.pick(["true", "false"]),
      () =>
        `${this.operand(context)}${this.gap()}${this.random.pick(["==", "!=", "<", ">=", "in"])}${this.gap()}${this.operand(context)}`,
      () => `!(${this.condition(context)})`,
      () => `${this.operand(context)} == 1 && ${this.operand(context)} != ()`,
    );
  }

  private expression(context: Context): string {
    if (context.depth <= 0) return this.operand(context);
    const inner: Context = { ...context, depth: context.depth - 1 };
    switch (this.random.next(12)) {
      case 0:
      case 1:
      case 2:
        return `${this.operand(inner)}${this.gap()}${this.random.pick(BINARY)}${this.gap()}${this.operand(inner)}`;
      case 3:
        return `${this.random.pick(["-", "!", "+", "- ", "- -", "! !"])}${this.operand(inner)}`;
      case 4:
        return this.closure(inner);
      case 5:
        return this.random.chance(50) ? this.conditional(inner) : this.choice(inner);
      case 6:
        return `(${this.blank()}${this.expression(inner)}${this.blank()})`;
      case 7:
        return `(${this.conditional(inner)})`;
      case 8:
        return `${this.operand(inner)} ?? ${this.operand(inner)}`;
      default:
        return this.operand(inner);
    }
  }

  private operand(context: Context): string {
    if (context.depth <= 0) return this.atom(context);
    const inner: Context = { ...context, depth: context.depth - 1 };
    switch (this.random.next(12)) {
      case 0:
        return this.array(inner);
      case 1:
        return this.map(inner);
      case 2:
      case 3:
        return this.call(inner);
      case 4:
        return this.chain(inner);
      case 5:
        return `\`${this.random.pick(["", "text ", "two\nlines ", "``"])}\${${this.expression(inner)}}${this.random.pick(["", " tail", "\n"])}\``;
      case 6:
        return `(${this.expression(inner)})`;
      default:
        return this.atom(context);
    }
  }

  private atom(context: Context): string {
    if (context.variables.length > 0 && this.random.chance(50)) return this.random.pick(context.variables);
    if (context.constants.length > 0 && this.random.chance(20)) return `global::${this.random.pick(context.constants)}`;
    if (context.inFunction && this.random.chance(5)) return "this";
    if (this.functions.length > 0 && this.random.chance(5)) return this.random.pick(this.functions).name;
    if (this.random.chance(3)) return "lib::VALUE";
    return this.random.pick(LITERALS);
  }

  private call(context: Context): string {
    if (this.functions.length > 0 && this.random.chance(60)) {
      const { name, params } = this.random.pick(this.functions);
      const count = this.random.chance(90) ? params.length : this.random.next(4);
      return `${name}${this.random.chance(5) ? "!" : ""}(${this.separated(Array.from({ length: count }, () => this.expression(context)))})`;
    }
    if (this.random.chance(8))
      return `lib::work(${this.separated(this.random.list(2, () => this.expression(context)))})`;
    return `${this.random.pick(NATIVES)}(${this.separated(this.random.list(3, () => this.expression(context)))})`;
  }

  private chain(context: Context): string {
    const root = context.variables.length > 0 ? this.random.pick(context.variables) : `(${this.expression(context)})`;
    const links = this.random.list(4, () =>
      this.random.oneOf(
        () => `${this.dot()}${this.random.pick(PROPERTIES)}`,
        () =>
          `${this.dot()}${this.random.pick(METHODS)}(${this.separated(this.random.list(2, () => this.expression(context)))})`,
        () => `${this.random.chance(10) ? "?" : ""}[${this.expression(context)}]`,
        () => `${this.dot()}${this.random.pick(["map", "filter", "for_each", "find"])}(${this.closure(context)})`,
      ),
    );
    return `${root}${links.join("")}`;
  }

  private dot(): string {
    return `${this.random.chance(15) ? this.blank() : ""}${this.random.chance(10) ? "?." : "."}`;
  }

  private closure(context: Context): string {
    const params = this.random.pick(["||", "|x|", "|x, y|", "| x |"]);
    const names = params.includes("x") ? (params.includes("y") ? ["x", "y"] : ["x"]) : [];
    const body: Context = { ...context, variables: [...context.variables, ...names], inFunction: true, inLoop: false };
    return `${params}${this.gap()}${this.random.chance(40) ? this.block(body) : this.expression(body)}`;
  }

  private array(context: Context): string {
    return `[${this.blank()}${this.separated(this.random.list(4, () => this.expression(context)))}${this.blank()}]`;
  }

  private map(context: Context): string {
    const keys = ["a", "b", '"quoted key"', "`tick`", "name", '"default"'].filter(() => this.random.chance(40));
    return `#{${this.blank()}${this.separated(keys.map((key) => `${key}${this.blank()}:${this.blank()}${this.expression(context)}`))}${this.blank()}}`;
  }

  private separated(items: readonly string[]): string {
    const comma = items.length > 0 && this.random.chance(15) ? "," : "";
    return `${items.join(`${this.random.chance(10) ? this.blank() : ""},${this.blank()}`)}${comma}`;
  }

  /** Nothing, blanks or a comment. */
  private blank(): string {
    return this.random.chance(85) ? this.random.pick(["", " ", " ", "  "]) : this.gap();
  }

  /** At least one blank. */
  private gap(): string {
    if (this.random.chance(90)) return " ";
    return this.random.pick([
      "\n",
      "\t",
      "\r\n",
      "\n\n\n",
      `${this.comment()}\n`,
      " /* inline */ ",
      "/* two\n lines */",
      "\n// own line\n",
    ]);
  }

  private comment(): string {
    return this.random.pick(["// note", "/// doc", " // é 😀", "/* block */ // and line", "//", "/* /* nested */ */"]);
  }
}
