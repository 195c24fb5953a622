import type { BridgeMethod } from "../bindings/bridge.ts";
import type { EngineContext, PluginEngine } from "../engine/port.ts";
import type { EngineCalls } from "./process.ts";

type Callable = (...args: unknown[]) => Promise<unknown>;

type Shape = "text" | "key" | "number" | "map" | "bytes" | "mode" | "level";

/** What scripts may ask for, with what; everything else of the engine belongs to the host. */
const SCRIPT_METHODS = {
  createJob: ["text", "map"],
  startJob: ["text"],
  stopJob: ["text"],
  stopAllJobs: [],
  cleanupJob: ["text"],
  jobInfo: ["text"],
  getJobs: [],
  runJrpc: ["map", "number"],
  runRest: ["map", "number"],
  runSh: ["text", "map"],
  renderTemplate: ["text", "text", "text", "mode"],
  fileRead: ["text"],
  fileWrite: ["text", "bytes", "mode"],
  nodeParams: [],
  nodeEnv: [],
  saveData: ["text", "key"],
  loadData: ["key"],
  swapData: ["text", "key", "text"],
  addTask: ["text", "text", "text", "text", "map"],
  deleteTask: ["text"],
  hasProtocolArchive: ["key"],
  protocolDataStamp: [],
  getSecret: ["text"],
  putSecret: ["text", "bytes"],
  log: ["level", "text"],
} as const satisfies Partial<Record<keyof PluginEngine, readonly Shape[]>>;

/** The default algorithms, for scripts that call `default_init()` or `default_upload()`. */
export interface Defaults {
  init(): Promise<void>;
  upload(): Promise<void>;
}

/**
 * Serves a script's calls with an engine. What comes from a worker is not trusted: arguments have to be what the bindings send.
 * `capabilities`: functions that can be called from outside, and so by a task.
 */
export function engineCalls(
  engine: PluginEngine,
  ctx: EngineContext,
  defaults: Defaults,
  capabilities: readonly string[],
): EngineCalls {
  return async (method, args, deadline) => {
    if (method === "defaultInit") return defaults.init();
    if (method === "defaultUpload") return defaults.upload();
    if (!isScriptMethod(method)) throw new Error(`scripts cannot call ${method}`);
    const shapes: readonly Shape[] = SCRIPT_METHODS[method];
    if (args.length > shapes.length) throw new Error(`${method} was called with ${args.length} arguments`);
    const given = shapes.map((shape, index) => checked(shape, args[index], method));
    if (method === "addTask" && !capabilities.some((name) => name === given[2])) {
      throw new Error(`add_task: there is no function '${given[2]}' that can be called with at most one parameter`);
    }
    const member = engine[method] as Callable;
    return member.call(engine, ...given, { ...ctx, deadline: Math.min(ctx.deadline, deadline) });
  };
}

function isScriptMethod(method: BridgeMethod): method is keyof typeof SCRIPT_METHODS {
  return Object.hasOwn(SCRIPT_METHODS, method);
}

const LEVELS: ReadonlySet<unknown> = new Set(["debug", "info", "warn", "error"]);

function checked(shape: Shape, value: unknown, method: BridgeMethod): unknown {
  // JSON has no undefined.
  if ((shape === "mode" || shape === "key") && (value === null || value === undefined)) return undefined;
  if (fits(shape, value)) return value;
  throw new Error(`${method} was called with a wrong argument`);
}

function fits(shape: Shape, value: unknown): boolean {
  switch (shape) {
    case "text":
    case "key":
      return typeof value === "string";
    case "number":
      return typeof value === "number" && value >= 0;
    case "mode":
      return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0o7777;
    case "map":
      return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
    case "bytes":
      return value instanceof Uint8Array;
    case "level":
      return LEVELS.has(value);
  }
}
