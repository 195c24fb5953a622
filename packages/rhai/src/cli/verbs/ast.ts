import { Source } from "../../errors/position.ts";
import { RhaiError } from "../../errors/rhai-error.ts";
import { parse } from "../../parse/parse.ts";
import { Char } from "../../values/char.ts";
import { Float } from "../../values/float.ts";
import { onlyFile, parseArguments } from "../arguments.ts";
import { readScript, withoutShebang } from "../files.ts";
import { renderError, write, writeError } from "../output.ts";
import type { Verb } from "../verb.ts";

export const ast: Verb = {
  usage: "rhai ast [--compact] FILE",
  about: "print the syntax tree of a script as JSON, with offsets and comments",
  options: [
    ["--compact", "on one line"],
    ["FILE", "a script, or - for standard input"],
  ],
  run: async (args) => {
    const { values, positionals } = parseArguments(args, { compact: { type: "boolean", default: false } });
    const file = onlyFile(positionals);
    try {
      const program = parse(new Source(withoutShebang(readScript(file)), file));
      await write(`${JSON.stringify(program, toJson, values.compact ? undefined : 2)}\n`);
      return 0;
    } catch (error) {
      if (!(error instanceof RhaiError)) throw error;
      writeError(renderError(error));
      return 1;
    }
  },
};

/** Literals as JSON: integers beyond 2^53 and infinite floats as text, `()` as null. */
function toJson(key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Float) return Number.isFinite(value.n) ? value.n : String(value.n);
  if (value instanceof Char) return value.text;
  return key === "value" && value === undefined ? null : value;
}
