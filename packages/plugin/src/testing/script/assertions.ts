import { type CallContext, type Engine, type FnPtr, RhaiError, RhaiMap, t, type Value } from "@blockvisor/rhai";
import type { EngineBridge } from "../../bindings/bridge.ts";
import { accepts, type Matcher, matcherText } from "../matcher.ts";
import { difference, type Exactness, testText } from "./compare.ts";
import type { Matchers } from "./matchers.ts";
import { askHost } from "./subjects.ts";

/** `assert…` and `snapshot`: what is not as it should be ends the test, at the line that says so. */
export function registerAssertions(engine: Engine, bridge: EngineBridge, matchers: Matchers): void {
  const host = (ctx: CallContext, command: string, ...args: Value[]) => askHost(ctx, bridge, matchers, command, args);
  const require = (
    ctx: CallContext,
    what: string,
    expected: Value,
    actual: Value,
    exactness?: Exactness,
  ): undefined => {
    const found = difference(matchers, expected, actual, exactness);
    if (found !== undefined) throw ctx.error(`${what}: ${found}`);
  };

  engine.registerFn("assert", [t.bool], (ctx, condition: boolean) =>
    requireTrue(ctx, condition, "assert: it is false"),
  );
  engine.registerFn("assert", [t.bool, t.string], (ctx, condition: boolean, message: string) =>
    requireTrue(ctx, condition, message),
  );
  engine.registerFn("assert_eq", [t.any, t.any], (ctx, actual: Value, expected: Value) =>
    require(ctx, "assert_eq", expected, actual),
  );
  engine.registerFn("assert_ne", [t.any, t.any], (ctx, actual: Value, other: Value) => {
    if (difference(matchers, other, actual) !== undefined) return undefined;
    throw ctx.error(`assert_ne: both are ${testText(matchers, actual)}`);
  });

  const throws = (ctx: CallContext, closure: FnPtr, expected: Matcher | undefined): undefined => {
    const text = thrownBy(ctx, closure);
    if (text === undefined) throw ctx.error("assert_throws: nothing was thrown");
    if (expected === undefined || accepts(expected, text)) return undefined;
    throw ctx.error(`assert_throws: expected ${matcherText(expected)}, but this was thrown: ${text}`);
  };
  engine.registerFn("assert_throws", [t.fn], (ctx, closure: FnPtr) => throws(ctx, closure, undefined));
  engine.registerFn("assert_throws", [t.fn, t.string], (ctx, closure: FnPtr, text: string) =>
    throws(ctx, closure, { kind: "contains", text }),
  );
  engine.registerFn("assert_throws", [t.fn, matchers], (ctx, closure: FnPtr, expected: Value) =>
    throws(ctx, closure, matchers.unwrap(expected) ?? undefined),
  );

  engine.registerFn("assert_job", [t.string], (ctx, name: string) => {
    host(ctx, "jobs.config", name);
    return undefined;
  });
  engine.registerFn("assert_job", [t.string, t.map], (ctx, name: string, expected: RhaiMap) => {
    const config = host(ctx, "jobs.config", name);
    return require(ctx, `assert_job '${name}'`, expected, config instanceof RhaiMap
      ? flattened(config)
      : config, "partial");
  });
  engine.registerFn("assert_no_job", [t.string], (ctx, name: string) => {
    host(ctx, "assert.no_job", name);
    return undefined;
  });
  engine.registerFn("assert_calls", [t.string, t.int], (ctx, name: string, count: Value) => {
    host(ctx, "assert.calls", name, count);
    return undefined;
  });
  engine.registerFn("assert_no_call", [t.string], (ctx, name: string) => {
    host(ctx, "assert.calls", name, 0);
    return undefined;
  });
  engine.registerFn("snapshot", [t.string, t.any], (ctx, name: string, value: Value) => {
    host(ctx, "assert.snapshot", name, value);
    return undefined;
  });
}

function requireTrue(ctx: CallContext, condition: boolean, message: string): undefined {
  if (!condition) throw ctx.error(message);
}

/** The text of what a closure throws. What ends the test itself goes on. */
function thrownBy(ctx: CallContext, closure: FnPtr): string | undefined {
  try {
    ctx.callFnPtr(closure, []);
    return undefined;
  } catch (error) {
    if (!(error instanceof RhaiError) || error.root.kind === "ErrorTerminated") throw error;
    return error.root.text.replace(/^Runtime error: /, "");
  }
}

/** A job's `run_sh` is found where `plugin_config()` has it, too. */
function flattened(config: RhaiMap): RhaiMap {
  const type = config.get("job_type");
  const inner = type instanceof RhaiMap ? type.keys().map((key) => [key, type.get(key)] as const) : [];
  return RhaiMap.fromEntries([...config.keys().map((key) => [key, config.get(key)] as const), ...inner]);
}
