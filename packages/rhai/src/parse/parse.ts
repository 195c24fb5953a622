import type { Program } from "../ast/node.ts";
import type { Diagnostic } from "../errors/diagnostic.ts";
import { Source } from "../errors/position.ts";
import { DEFAULT_PARSE_OPTIONS, type ParseOptions } from "./options.ts";
import { StatementParser } from "./statement-parser.ts";

/** Parses a script; throws a `RhaiError` at the first syntax error. */
export function parse(source: Source | string, options: ParseOptions = DEFAULT_PARSE_OPTIONS): Program {
  const from = typeof source === "string" ? new Source(source) : source;
  return new StatementParser(from, options, null).parseProgram();
}

/** Parses as much as possible and reports every syntax error; statements with errors are left out of the tree. */
export function parseAll(
  source: Source | string,
  options: ParseOptions = DEFAULT_PARSE_OPTIONS,
): { readonly program: Program; readonly diagnostics: readonly Diagnostic[] } {
  const from = typeof source === "string" ? new Source(source) : source;
  const diagnostics: Diagnostic[] = [];
  const program = new StatementParser(from, options, diagnostics).parseProgram();
  return { program, diagnostics };
}
