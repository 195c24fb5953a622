import { type CallContext, RhaiMap, t, type Value } from "@blockvisor/rhai";
import { JsonError, parseJson } from "../values/parse-json.ts";
import { json, mismatch, type Reader } from "../values/reader.ts";
import { ask, convert } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
import type { BindingTarget } from "./target.ts";

const NO_SUCH_FILE = "No such file or directory (os error 2)";

/** What a plugin keeps from call to call: a text, and texts by name (spec plugin-api.md §2.9, §8 "Do better"). */
export function registerData(engine: BindingTarget, bridge: EngineBridge): void {
  const save = (ctx: CallContext, slot: string | undefined, data: Value): undefined => {
    ask(ctx, bridge, "saveData", convert(kept, data), slot);
  };
  for (const type of [t.string, t.map]) {
    engine.registerFn("save_data", [type], (ctx, data: Value) => save(ctx, undefined, data));
    engine.registerFn("save_data", [t.string, type], (ctx, slot: string, data: Value) => save(ctx, slot, data));
  }

  engine.registerFn("load_data", [], (ctx) => {
    const text = ask(ctx, bridge, "loadData", undefined);
    if (typeof text !== "string") throw ctx.error(NO_SUCH_FILE);
    return text;
  });
  engine.registerFn("load_data", [t.any], (ctx, fallback: Value) =>
    loaded(ask(ctx, bridge, "loadData", undefined), fallback),
  );
  engine.registerFn("load_data", [t.string, t.any], (ctx, slot: string, fallback: Value) =>
    loaded(ask(ctx, bridge, "loadData", slot), fallback),
  );

  engine.registerFn("swap_data", [t.string, t.any, t.any], (ctx, slot: string, expected: Value, data: Value) => {
    const before = expected === undefined ? undefined : convert(kept, expected);
    return ask(ctx, bridge, "swapData", slot, before, convert(kept, data)) as boolean;
  });
}

/** A MAP is kept as JSON text, which is the same for equal MAPs. */
const kept: Reader<string> = (value, path, problems) => {
  if (typeof value === "string") return value;
  if (value instanceof RhaiMap) return json(value, path, problems);
  mismatch(value, path, "string or map", problems);
  return "";
};

/** A MAP comes back as it was saved. */
function loaded(text: unknown, fallback: Value): Value {
  if (typeof text !== "string") return fallback;
  if (!(fallback instanceof RhaiMap)) return text;
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) return fallback;
    throw error;
  }
}
