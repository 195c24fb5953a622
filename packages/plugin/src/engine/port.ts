import type { PluginConfig } from "../config/model.ts";
import type { SavedConfig } from "../config/saved.ts";
import type { Covered } from "../worker/covered.ts";
import type { JobConfig, JobInfo, JobsInfo } from "./job.ts";
import type { NodeEnv } from "./node-env.ts";
import type { TaskPolicy } from "./task-policy.ts";

/** Passed to every engine call: when the calling script must be finished, and a signal that fires when it was given up. */
export interface EngineContext {
  /** Epoch milliseconds after which the script is stopped; `Infinity` = no deadline. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

export interface JrpcRequest {
  readonly host: string;
  readonly method: string;
  /** JSON text of an array or object; absent = the `params` key is left out of the body. */
  readonly params?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface RestRequest {
  readonly url: string;
  /** `GET` unless the script asks for another. */
  readonly method: string;
  readonly body?: string;
  /** In the script's order; names may repeat and are all to be sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface HttpResponse {
  readonly statusCode: number;
  readonly body: string;
}

/** How a script is run in the node. */
export interface ShOptions {
  /** The script's own limit. */
  readonly timeoutMs: number;
  /** Added to the node's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: nothing to read. */
  readonly stdin?: string;
  /** Default: root. */
  readonly user?: string;
}

export interface ShResponse {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The output was longer than what is kept: its middle is missing. */
  readonly truncated?: boolean;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** `active`: it runs, or is about to, by the config; `idle`: it is defined by it; `other`: it is not, or there is none. */
export type ComparedJob = "active" | "idle" | "other";

/**
 * What a plugin can ask of the host (spec plugin-api.md §2.16). The host, the linter and `inspect` each implement it once;
 * scripts reach it through the bindings, default `init` / `upload` call it directly.
 *
 * A rejected promise becomes a thrown Rhai error whose text is the error's message, so messages are the reference's texts.
 */
export interface PluginEngine {
  createJob(name: string, config: JobConfig, ctx: EngineContext): Promise<void>;
  startJob(name: string, ctx: EngineContext): Promise<void>;
  stopJob(name: string, ctx: EngineContext): Promise<void>;
  stopAllJobs(ctx: EngineContext): Promise<void>;
  /** Drops what an inactive archive job keeps to be able to resume. */
  cleanupJob(name: string, ctx: EngineContext): Promise<void>;
  /** Ends the job if it runs, and removes its config, state and logs. Scripts cannot. */
  deleteJob(name: string, ctx: EngineContext): Promise<void>;
  jobInfo(name: string, ctx: EngineContext): Promise<JobInfo>;
  getJobs(ctx: EngineContext): Promise<JobsInfo>;
  /** The job that there is, beside one of this config, whatever they need and wait for. */
  compareJob(name: string, config: JobConfig, ctx: EngineContext): Promise<ComparedJob>;

  /** Sent from inside the node. `timeoutMs` is the script's own; the call also ends with `ctx.signal`. */
  runJrpc(request: JrpcRequest, timeoutMs: number, ctx: EngineContext): Promise<HttpResponse>;
  runRest(request: RestRequest, timeoutMs: number, ctx: EngineContext): Promise<HttpResponse>;
  /** `body` is the script's text, untrimmed; runs as `sh -c` inside the node. */
  runSh(body: string, options: ShOptions, ctx: EngineContext): Promise<ShResponse>;
  /** `params` is the JSON text of an object. Without `mode` the destination keeps its own permission bits, or gets 0o644. */
  renderTemplate(
    template: string,
    destination: string,
    params: string,
    mode: number | undefined,
    ctx: EngineContext,
  ): Promise<void>;
  /** Whether `renderTemplate` would change the destination now, which it leaves alone. */
  wouldRender(
    template: string,
    destination: string,
    params: string,
    mode: number | undefined,
    ctx: EngineContext,
  ): Promise<boolean>;
  fileRead(path: string, ctx: EngineContext): Promise<Uint8Array>;
  /** Without `mode` a file that is there keeps its own permission bits, a new one gets 0o640, a script or program 0o750. */
  fileWrite(path: string, content: Uint8Array, mode: number | undefined, ctx: EngineContext): Promise<void>;

  nodeParams(ctx: EngineContext): Promise<Readonly<Record<string, string>>>;
  nodeEnv(ctx: EngineContext): Promise<NodeEnv>;

  /** Without `slot`: the one text that the reference knows. */
  saveData(text: string, slot: string | undefined, ctx: EngineContext): Promise<void>;
  /** `undefined` = nothing was saved yet. */
  loadData(slot: string | undefined, ctx: EngineContext): Promise<string | undefined>;
  /** Saves only if the slot still has `expected`; `undefined` = nothing was saved there. Resolves with whether it did. */
  swapData(slot: string, expected: string | undefined, text: string, ctx: EngineContext): Promise<boolean>;
  /** Durable when it resolves. `digest` is that of the plugin whose config it is. */
  saveConfig(config: PluginConfig, digest: string, ctx: EngineContext): Promise<void>;
  /** The config that was saved last, whichever plugin it is from. */
  loadConfig(ctx: EngineContext): Promise<SavedConfig | undefined>;
  /** The config that jobs were defined by, which is what differences count from, whatever was evaluated since. */
  saveApplied(config: PluginConfig, digest: string, ctx: EngineContext): Promise<void>;
  loadApplied(ctx: EngineContext): Promise<SavedConfig | undefined>;

  /** `schedule` was parsed before the call. Replaces a task of the same name of this node. */
  addTask(
    name: string,
    schedule: string,
    fn: string,
    param: string,
    policy: TaskPolicy,
    ctx: EngineContext,
  ): Promise<void>;
  deleteTask(name: string, ctx: EngineContext): Promise<void>;

  /** Modification time of the data lock; `undefined` = protocol data were never used. */
  protocolDataStamp(ctx: EngineContext): Promise<Date | undefined>;
  /** Without `storeKey`: the image's archive. With it: the archive of one service of a multi-client config. */
  hasProtocolArchive(storeKey: string | undefined, ctx: EngineContext): Promise<boolean>;
  /**
   * True when the directory (relative to the protocol data path) of a multi-client service holds data that must not be downloaded over.
   * False while a download of it is incomplete: init then starts the download again, which resumes.
   */
  hasServiceData(dataDir: string, ctx: EngineContext): Promise<boolean>;

  /** `undefined` = no such secret; the script then sees the error `not_found`. */
  getSecret(name: string, ctx: EngineContext): Promise<Uint8Array | undefined>;
  putSecret(name: string, value: Uint8Array, ctx: EngineContext): Promise<void>;

  log(level: LogLevel, message: string, ctx: EngineContext): Promise<void>;

  /** Where time stands still for scripts, in epoch milliseconds. Without it they have the time of the machine. */
  now?(): number;
  /** Hears which lines of scripts ran. */
  covered?(lines: Covered): void;
}
