import { Engine } from "./engine/engine.ts";
import { RhaiError } from "./errors/rhai-error.ts";
import { rawDebug, rawDisplay } from "./text/format.ts";
import { typeNameOf } from "./values/type-name.ts";

/** What a script gave, in the shape of the conformance data (`conformance/README.md`). */
export type Outcome =
  | {
      readonly ok: true;
      readonly type: string;
      readonly display: string;
      readonly debug: string;
      readonly out?: readonly string[];
    }
  | { readonly ok: false; readonly stage: "parse" | "eval"; readonly error: string; readonly out?: readonly string[] };

/** Runs a script as the conformance data was made: a plain engine, 2,000,000 operations, sizes up to 1,000,000. */
export function outcome(script: string): Outcome {
  const out: string[] = [];
  const engine = new Engine({
    limits: { operations: 2_000_000, stringSize: 1_000_000, arraySize: 1_000_000, mapSize: 1_000_000 },
    onPrint: (text) => out.push(`print:${text}`),
    onDebug: (text, _source, position) =>
      out.push(`debug:line ${position?.line}, position ${position?.column}:${text}`),
  });
  const printed = () => (out.length > 0 ? { out } : {});
  let stage: "parse" | "eval" = "parse";
  try {
    const ast = engine.compile(script);
    stage = "eval";
    const value = engine.eval(ast);
    const texts = { type: typeNameOf(value), display: rawDisplay(value), debug: rawDebug(value) };
    return { ok: true, ...texts, ...printed() };
  } catch (error) {
    if (!(error instanceof RhaiError)) throw error;
    return { ok: false, stage, error: error.message, ...printed() };
  }
}
