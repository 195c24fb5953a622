import { type CallContext, t, type Value } from "@blockvisor/rhai";
import type { ShResponse } from "../engine/port.ts";
import { ask } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
import { RequestError, timeoutMs } from "./http-request.ts";
import { sanitizeShParam, shellQuote, UnsafeParam } from "./shell-quote.ts";
import type { BindingTarget } from "./target.ts";

/** Commands inside the node, and quoting for them (spec plugin-api.md §2.4–2.5). */
export function registerShell(engine: BindingTarget, bridge: EngineBridge): void {
  const responses = engine.registerType<ShResponse>("DressedShResponse", {
    getters: { exit_code: (self) => self.exitCode, stdout: (self) => self.stdout, stderr: (self) => self.stderr },
    methods: {
      unwrap: {
        params: [],
        call: (ctx, self) => {
          if (self.exitCode !== 0) throw ctx.error(`unexpected exit_code: ${self.exitCode}`);
          return self.stdout;
        },
      },
    },
    toString: (self) => `exit_code: ${self.exitCode}, stdout: ${self.stdout}, stderr: ${self.stderr}`,
    rawName: "DressedShResponse",
  });
  const run = (ctx: CallContext, body: string, seconds: Value): Value => {
    try {
      return responses.wrap(ask(ctx, bridge, "runSh", body, timeoutMs(seconds)) as ShResponse);
    } catch (error) {
      throw error instanceof RequestError ? ctx.error(error.message) : error;
    }
  };
  engine.registerFn("run_sh", [t.string], (ctx, body: string) => run(ctx, body, undefined));
  engine.registerFn("run_sh", [t.string, t.int], (ctx, body: string, seconds: Value) => run(ctx, body, seconds));
  engine.registerFn("run_sh", [t.string, t.float], (ctx, body: string, seconds: Value) => run(ctx, body, seconds));
  engine.registerFn("sanitize_sh_param", [t.string], (ctx, param: string) => {
    try {
      return sanitizeShParam(param);
    } catch (error) {
      throw error instanceof UnsafeParam ? ctx.error(error.message) : error;
    }
  });
  engine.registerFn("shell_quote", [t.string], (_ctx, text: string) => shellQuote(text));
}
