import { type CallContext, RhaiMap, t, type Value } from "@blockvisor/rhai";
import type { ShOptions, ShResponse } from "../engine/port.ts";
import { ask, convert } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
import { RequestError, timeoutMs } from "./http-request.ts";
import { shOptions } from "./sh-options.ts";
import { sanitizeShParam, shellQuote, UnsafeParam } from "./shell-quote.ts";
import type { BindingTarget } from "./target.ts";

/** Commands inside the node, and quoting for them (spec plugin-api.md §2.4–2.5). */
export function registerShell(engine: BindingTarget, bridge: EngineBridge): void {
  const responses = engine.registerType<ShResponse>("DressedShResponse", {
    getters: {
      exit_code: (self) => self.exitCode,
      stdout: (self) => self.stdout,
      stderr: (self) => self.stderr,
      truncated: (self) => self.truncated ?? false,
    },
    methods: {
      unwrap: {
        params: [],
        call: (ctx, self) => {
          if (self.exitCode !== 0) throw ctx.error(`unexpected exit_code: ${self.exitCode}`);
          // Whoever wants what there is takes `stdout`.
          if (self.truncated) throw ctx.error("the output is too long: its middle was left out");
          return self.stdout;
        },
      },
    },
    toString: (self) => `exit_code: ${self.exitCode}, stdout: ${self.stdout}, stderr: ${self.stderr}`,
    rawName: "DressedShResponse",
  });
  const run = (ctx: CallContext, body: string, how: Value): Value => {
    try {
      const options: ShOptions = how instanceof RhaiMap ? convert(shOptions, how) : { timeoutMs: timeoutMs(how) };
      return responses.wrap(ask(ctx, bridge, "runSh", body, options) as ShResponse);
    } catch (error) {
      throw error instanceof RequestError ? ctx.error(error.message) : error;
    }
  };
  engine.registerFn("run_sh", [t.string], (ctx, body: string) => run(ctx, body, undefined));
  engine.registerFn("run_sh", [t.string, t.int], (ctx, body: string, seconds: Value) => run(ctx, body, seconds));
  engine.registerFn("run_sh", [t.string, t.float], (ctx, body: string, seconds: Value) => run(ctx, body, seconds));
  engine.registerFn("run_sh", [t.string, t.map], (ctx, body: string, how: Value) => run(ctx, body, how));
  engine.registerFn("sanitize_sh_param", [t.string], (ctx, param: string) => {
    try {
      return sanitizeShParam(param);
    } catch (error) {
      throw error instanceof UnsafeParam ? ctx.error(error.message) : error;
    }
  });
  engine.registerFn("shell_quote", [t.string], (_ctx, text: string) => shellQuote(text));
}
