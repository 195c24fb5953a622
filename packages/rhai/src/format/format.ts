import type { Program } from "../ast/node.ts";
import { Source } from "../errors/position.ts";
import { DEFAULT_PARSE_OPTIONS, type ParseOptions } from "../parse/options.ts";
import { parse } from "../parse/parse.ts";
import { Cursor } from "./cursor.ts";
import { hardLine, join, print } from "./doc.ts";
import { sameSyntax } from "./same-syntax.ts";
import { printStatements } from "./statement.ts";

const WIDTH = 100;
const INDENT = 4;
/** One pass settles all but comments in the oddest places, which may move a little further in a second. */
const MOST_PASSES = 5;

/** The formatter formats what the parser can nest at all, whatever limits an engine sets. */
const PARSE_OPTIONS: ParseOptions = { ...DEFAULT_PARSE_OPTIONS, exprDepth: 1000, functionExprDepth: 1000 };

/**
 * Prints a script in the one style: four blanks of indentation, lines of at most 100 columns where the language
 * allows a break, every comment and the blank lines between groups kept. Formatting twice changes nothing more.
 *
 * Throws the `RhaiError` of a script that does not parse. The result always has the syntax tree of the original.
 */
export function formatScript(text: string, name = ""): string {
  const shebang = /^#![^\n]*/.exec(text)?.[0] ?? "";
  let source = new Source(text.slice(shebang.length), name);
  let program = parse(source, PARSE_OPTIONS);
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const formatted = new Source(printProgram(source.text, program), name);
    if (formatted.text === source.text) break;
    const again = parse(formatted, PARSE_OPTIONS);
    if (!sameSyntax(program, again)) {
      throw new Error(`formatting ${name || "this script"} would change its meaning; it is left as it is`);
    }
    source = formatted;
    program = again;
  }
  return shebang === "" ? source.text : `${shebang}\n${source.text}`;
}

function printProgram(text: string, program: Program): string {
  const cursor = new Cursor(text, program.comments);
  const lines = [...printStatements(cursor, program.body)];
  lines.push(...cursor.dangling(lines.length === 0));
  const printed = print(join(hardLine, lines), WIDTH, INDENT);
  return printed === "" ? "" : `${printed}\n`;
}
