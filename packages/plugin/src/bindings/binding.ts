import { type CallContext, RhaiError, type Value } from "@blockvisor/rhai";
import type { Problem, Reader } from "../values/reader.ts";
import type { BridgeMethod, EngineBridge } from "./bridge.ts";

/** Calls the host; its failure becomes an error that scripts catch as its text. */
export function ask(
  ctx: CallContext,
  bridge: EngineBridge,
  method: BridgeMethod,
  ...args: readonly unknown[]
): unknown {
  try {
    return bridge.call(method, args);
  } catch (error) {
    if (error instanceof RhaiError) throw error;
    throw ctx.error(error instanceof Error ? error.message : String(error));
  }
}

const SYNTAX = "Syntax error: ";

/** Converts an argument or throws what the reference throws: errors of the language, not of the engine (spec plugin-api.md §2.0). */
export function convert<T>(reader: Reader<T>, value: Value): T {
  const problems: Problem[] = [];
  const result = reader(value, "", problems);
  const first = problems.find((problem) => problem.kind === "error");
  if (!first) return result;
  throw first.message.startsWith(SYNTAX)
    ? new RhaiError("ErrorParsing", first.message.slice(SYNTAX.length))
    : new RhaiError("ErrorMismatchOutputType", first.message);
}
