import { createInterface } from "node:readline";
import { parseArguments } from "../arguments.ts";
import { evaluateScript } from "../evaluate-script.ts";
import { write } from "../output.ts";
import { UsageError } from "../usage-error.ts";
import type { Verb } from "../verb.ts";

export const evaluate: Verb = {
  usage: "rhai eval --json",
  about: 'evaluate scripts from standard input: one {"id", "script"} a line in, one {"id", "ok", …} a line out',
  options: [
    ["--json", "the only format there is, and it has to be named"],
    ["", 'a script that works: {"id", "ok": true, "type", "display", "debug", "out"?}'],
    ["", 'one that fails:      {"id", "ok": false, "stage": "parse" | "eval", "error", "out"?}'],
    ["", "every script has a plain engine of its own: 2,000,000 operations, strings, arrays and maps of 1,000,000"],
  ],
  run: async (args) => {
    const { values, positionals } = parseArguments(args, { json: { type: "boolean", default: false } });
    if (!values.json) throw new UsageError("--json is missing");
    if (positionals.length > 0) throw new UsageError("scripts come from standard input, not from files");
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.trim() !== "") await write(`${JSON.stringify(answer(line))}\n`);
    }
    return 0;
  },
};

/** One line of input to one line of output; nothing that a line holds ends the command. */
function answer(line: string): object {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (error) {
    return { id: null, ok: false, stage: "parse", error: `the line is not JSON: ${(error as Error).message}` };
  }
  const { id = null, script } = (typeof request === "object" && request !== null ? request : {}) as Record<
    string,
    unknown
  >;
  if (typeof script !== "string") return { id, ok: false, stage: "parse", error: "the request has no 'script'" };
  return { id, ...evaluateScript(script) };
}
