import { RhaiError } from "../../errors/rhai-error.ts";
import { formatScript } from "../../format/format.ts";
import { parseArguments } from "../arguments.ts";
import { readScript, replaceFile, scriptFiles } from "../files.ts";
import { renderError, write, writeError } from "../output.ts";
import { UsageError } from "../usage-error.ts";
import type { Verb } from "../verb.ts";

export const fmt: Verb = {
  usage: "rhai fmt [--check] FILE…",
  about: "format scripts in place, in the one style",
  options: [
    ["--check", "change nothing; name the files that are not formatted, and exit with 1 if there are any"],
    ["FILE", "a script, a folder (every *.rhai below), or - to format standard input to standard output"],
  ],
  run: async (args) => {
    const { values, positionals } = parseArguments(args, { check: { type: "boolean", default: false } });
    const files = scriptFiles(positionals);
    if (positionals.length === 0) throw new UsageError("FILE is missing ('-' reads standard input)");
    let failed = false;
    for (const file of files) {
      const text = readScript(file);
      const formatted = tryFormat(text, file);
      if (formatted === null) failed = true;
      else if (file === "-" && !values.check) await write(formatted);
      else if (formatted !== text) {
        if (values.check) failed = true;
        else replaceFile(file, formatted);
        await write(`${file}\n`);
      }
    }
    return failed ? 1 : 0;
  },
};

function tryFormat(text: string, file: string): string | null {
  try {
    return formatScript(text, file);
  } catch (error) {
    if (!(error instanceof RhaiError)) throw error;
    writeError(renderError(error));
    return null;
  }
}
