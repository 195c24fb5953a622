import { Engine } from "../../engine/engine.ts";
import { Scope } from "../../engine/scope.ts";
import { RhaiError } from "../../errors/rhai-error.ts";
import { FileModuleResolver } from "../../node/file-resolver.ts";
import { onlyFile, parseArguments, wholeNumber } from "../arguments.ts";
import { readScript, withoutShebang } from "../files.ts";
import { renderError, writeError } from "../output.ts";
import type { Verb } from "../verb.ts";

export const run: Verb = {
  usage: "rhai run [--repeat N] [--time] [--max-operations N] [--timeout SECONDS] FILE",
  about: "run a script; what it prints goes to standard output",
  options: [
    ["--repeat N", "compile and run it N times"],
    ["--time", 'write one JSON line on standard error: {"compile_ms": […], "run_ms": […]}'],
    ["--max-operations N", "end the script after N operations (default: no limit)"],
    ["--timeout SECONDS", "end the script after that time (default: no limit)"],
    ["FILE", "a script, or - for standard input"],
  ],
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      repeat: { type: "string", default: "1" },
      time: { type: "boolean", default: false },
      "max-operations": { type: "string", default: "0" },
      timeout: { type: "string", default: "0" },
    });
    const file = onlyFile(positionals);
    const repeat = wholeNumber("--repeat", values.repeat, 1);
    const limits = {
      operations: wholeNumber("--max-operations", values["max-operations"], 0),
      wallClockMs: wholeNumber("--timeout", values.timeout, 0) * 1000,
    };
    const text = withoutShebang(readScript(file));
    const compileMs: number[] = [];
    const runMs: number[] = [];
    try {
      for (let round = 0; round < repeat; round++) {
        const engine = new Engine({
          limits,
          resolver: new FileModuleResolver(),
          onPrint: (line) => process.stdout.write(`${line}\n`),
          onDebug: (line, source, position) => process.stdout.write(`${debugPlace(source, position)}${line}\n`),
        });
        const start = performance.now();
        const ast = engine.compile(text, { source: file });
        const compiled = performance.now();
        engine.eval(ast, new Scope());
        compileMs.push(compiled - start);
        runMs.push(performance.now() - compiled);
      }
    } catch (error) {
      if (!(error instanceof RhaiError)) throw error;
      writeError(renderError(error));
      return 1;
    }
    if (values.time) writeError(JSON.stringify({ compile_ms: compileMs.map(rounded), run_ms: runMs.map(rounded) }));
    return 0;
  },
};

/** `source @ line:col | `, the way the reference shows `debug` (spec 13). */
function debugPlace(source: string, position: { readonly line: number; readonly column: number } | null): string {
  const place = position === null ? "" : `${position.line}:${position.column} | `;
  return source === "" ? place : `${source} @ ${place}`;
}

function rounded(ms: number): number {
  return Math.round(ms * 1e4) / 1e4;
}
