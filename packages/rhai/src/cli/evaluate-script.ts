import type { Ast } from "../engine/ast.ts";
import { Engine } from "../engine/engine.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { rawDebug, rawDisplay } from "../text/format.ts";
import { typeNameOf } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";

/** The outcome of a script in the shape of the conformance data. `out` is left out when nothing was printed. */
export type Evaluation =
  | {
      readonly ok: true;
      readonly type: string;
      readonly display: string;
      readonly debug: string;
      readonly out?: readonly string[];
    }
  | { readonly ok: false; readonly stage: "parse" | "eval"; readonly error: string; readonly out?: readonly string[] };

const LIMITS = {
  operations: 2_000_000,
  stringSize: 1_000_000,
  arraySize: 1_000_000,
  mapSize: 1_000_000,
  // What the reference does not have: a hostile script must not end the process, or hold it up for long.
  memoryBytes: 2 ** 30,
  wallClockMs: 60_000,
};

/** More output than this is dropped, in UTF-16 units. */
const MOST_OUTPUT = 2 ** 26;

/** Runs a text on a plain engine of its own. Never throws. */
export function evaluateScript(script: string): Evaluation {
  const out: string[] = [];
  let size = 0;
  const note = (line: string): void => {
    size += line.length;
    if (size <= MOST_OUTPUT) out.push(line);
  };
  const printed = (): { readonly out?: readonly string[] } => (out.length > 0 ? { out } : {});
  const engine = new Engine({
    limits: LIMITS,
    onPrint: (text) => note(`print:${text}`),
    onDebug: (text, _source, position) => {
      note(`debug:${position === null ? "none" : `line ${position.line}, position ${position.column}`}:${text}`);
    },
  });
  let ast: Ast;
  try {
    ast = engine.compile(script);
  } catch (error) {
    return { ok: false, stage: "parse", error: textOf(error) };
  }
  try {
    const value: Value = engine.eval(ast);
    return { ok: true, type: typeNameOf(value), display: rawDisplay(value), debug: rawDebug(value), ...printed() };
  } catch (error) {
    return { ok: false, stage: "eval", error: textOf(error), ...printed() };
  }
}

function textOf(error: unknown): string {
  if (error instanceof RhaiError) return error.message;
  return `Internal error: ${error instanceof Error ? error.message : String(error)}`;
}
