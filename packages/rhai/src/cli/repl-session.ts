import type { Engine } from "../engine/engine.ts";
import { Scope } from "../engine/scope.ts";
import { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { keywords } from "../lex/token.ts";
import { parse } from "../parse/parse.ts";
import type { Value } from "../values/value.ts";

/** What happens to an input: it needs more lines, it gave a value, or it failed. */
export type Outcome =
  | { readonly kind: "incomplete" }
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "error"; readonly error: RhaiError };

/** A conversation with an engine: variables, functions and imports stay from input to input. */
export class ReplSession {
  readonly scope = new Scope();
  private readonly engine: Engine;
  /** Texts of the functions defined so far, by name, receiver and number of parameters. */
  private readonly functions = new Map<string, string>();
  private readonly imports = new Map<string, string>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Evaluates what was typed so far. With `more`, an input that just stops is asked to go on. */
  enter(text: string, more: boolean): Outcome {
    if (more && endsInComment(text)) return { kind: "incomplete" };
    const size = this.scope.size;
    try {
      const { body } = parse(new Source(text));
      const own = new Map<string, string>();
      const imports: string[] = [];
      for (const statement of body) {
        const written = text.slice(statement.start, statement.end);
        if (statement.kind === "Function")
          own.set(`${statement.thisType ?? ""}.${statement.name}/${statement.params.length}`, written);
        if (statement.kind === "Import" && statement.alias !== null) imports.push(statement.alias.name, `${written};`);
      }
      const kept = [...this.functions].filter(([key]) => !own.has(key)).map(([, written]) => written);
      // Earlier functions come behind the input, earlier imports on its first line, so that its lines keep their numbers.
      const program = `${[...this.imports.values()].join(" ")}${text}\n;${kept.join("\n")}`;
      const value = this.engine.eval(program, this.scope);
      for (const [key, written] of own) this.functions.set(key, written);
      for (let i = 0; i < imports.length; i += 2) this.imports.set(imports[i]!, imports[i + 1]!);
      return { kind: "value", value };
    } catch (error) {
      if (!(error instanceof RhaiError)) throw error;
      if (more && stopsShort(error, text)) return { kind: "incomplete" };
      if (error.kind === "ErrorParsing") this.scope.rewind(size);
      return { kind: "error", error };
    }
  }

  /** What the word before the cursor can become, and that word. */
  complete(line: string, functions: Iterable<string>): readonly [candidates: string[], word: string] {
    const word = /[A-Za-z_][\w]*$/.exec(line)?.[0] ?? "";
    const before = line.slice(0, line.length - word.length);
    const own = [...this.functions.keys()].map((key) => key.slice(key.indexOf(".") + 1, key.indexOf("/")));
    const names = before.endsWith(".")
      ? [...functions, ...own]
      : [...keywords.keys(), ...functions, ...own, ...this.imports.keys(), ...[...this.scope].map(([name]) => name)];
    const candidates = [...new Set(names)].filter((name) => name.startsWith(word) && name !== word).sort();
    return [candidates, word];
  }
}

/** Is the error only that the text ends too early? */
function stopsShort(error: RhaiError, text: string): boolean {
  if (error.kind !== "ErrorParsing") return false;
  if (error.parseKind === "UnterminatedString")
    return (
      text.slice(error.position?.offset ?? 0).startsWith("`") || /^#+"/.test(text.slice(error.position?.offset ?? 0))
    );
  return error.parseKind === "UnexpectedEOF" || (error.position?.offset ?? 0) >= text.trimEnd().length;
}

/** An unfinished block comment is no error of the language: it reaches to the end of the text. */
function endsInComment(text: string): boolean {
  try {
    const last = parse(new Source(text)).comments.at(-1);
    return last !== undefined && last.kind === "block" && last.end >= text.length && !text.endsWith("*/");
  } catch (error) {
    if (error instanceof RhaiError) return false;
    throw error;
  }
}
