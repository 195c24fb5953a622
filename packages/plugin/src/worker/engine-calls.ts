import type { BridgeMethod } from "../bindings/bridge.ts";
import type { EngineContext, PluginEngine } from "../engine/port.ts";
import type { EngineCalls } from "./thread.ts";

type Callable = (...args: unknown[]) => Promise<unknown>;

/** What scripts may ask for; everything else of the engine belongs to the host. */
const SCRIPT_METHODS: ReadonlySet<BridgeMethod> = new Set([
  "createJob",
  "startJob",
  "stopJob",
  "stopAllJobs",
  "cleanupJob",
  "jobInfo",
  "getJobs",
  "runJrpc",
  "runRest",
  "runSh",
  "renderTemplate",
  "fileRead",
  "fileWrite",
  "nodeParams",
  "nodeEnv",
  "saveData",
  "loadData",
  "addTask",
  "deleteTask",
  "getSecret",
  "putSecret",
  "log",
] satisfies (keyof PluginEngine)[]);

/** The default algorithms, for scripts that call `default_init()` or `default_upload()`. */
export interface Defaults {
  init(): Promise<void>;
  upload(): Promise<void>;
}

/** Serves a script's calls with an engine. */
export function engineCalls(engine: PluginEngine, ctx: EngineContext, defaults: Defaults): EngineCalls {
  return async (method, args, deadline) => {
    if (method === "defaultInit") return defaults.init();
    if (method === "defaultUpload") return defaults.upload();
    if (!SCRIPT_METHODS.has(method)) throw new Error(`scripts cannot call ${method}`);
    const member = engine[method] as Callable;
    return member.call(engine, ...args, { ...ctx, deadline: Math.min(ctx.deadline, deadline) });
  };
}
