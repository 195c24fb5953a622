import { type CallContext, type RhaiMap, t, type Value } from "@blockvisor/rhai";
import { JsonError, parseJson } from "../values/parse-json.ts";
import { valueToJson } from "../values/to-json.ts";
import { ParseFailure, parseHex } from "./hex.ts";
import type { BindingTarget } from "./target.ts";
import { parseRfc2822, parseRfc3339, parseTime } from "./time.ts";

/** Texts into values, and time (spec plugin-api.md §2.13). `now`: epoch milliseconds. */
export function registerParsing(engine: BindingTarget, now: () => number = Date.now): void {
  const parser = (name: string, parse: (text: string) => Value): void => {
    engine.registerFn(name, [t.string], (ctx, text: string) => attempt(ctx, () => parse(text)));
  };
  parser("parse_json", parseJson);
  engine.registerFn("parse_json_or", [t.string, t.any], (_ctx, text: string, fallback: Value) => {
    try {
      return parseJson(text);
    } catch (error) {
      if (error instanceof JsonError) return fallback;
      throw error;
    }
  });
  parser("parse_hex", parseHex);
  parser("parse_rfc3339", parseRfc3339);
  parser("parse_rfc2822", parseRfc2822);
  engine.registerFn("parse_time", [t.string, t.string], (ctx, text: string, format: string) =>
    attempt(ctx, () => parseTime(text, format)),
  );
  engine.registerFn("system_time", [], () => Math.floor(now() / 1000));
  engine.registerFn("to_json", [t.map], (_ctx, map: RhaiMap) => valueToJson(map));
}

function attempt(ctx: CallContext, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (error instanceof ParseFailure || error instanceof JsonError) throw ctx.error(error.message);
    throw error;
  }
}
