import type { PluginConfig } from "./config/model.ts";
import type { JobsInfo } from "./engine/job.ts";
import type { PluginEngine } from "./engine/port.ts";
import type { StepJournal } from "./init/step-journal.ts";
import type { InitStep } from "./init/steps.ts";
import type { PluginError } from "./plugin-error.ts";
import type { ProtocolStatus } from "./status/protocol-status.ts";

/** The plugin directory: path relative to it, with `/` → text. Must contain `main.rhai`. The caller reads the files, safely. */
export type PluginFiles = Readonly<Record<string, string>>;

/** A function of `main.rhai` as the script defines it. */
export interface PluginFunction {
  readonly name: string;
  readonly params: readonly string[];
  readonly private: boolean;
  readonly doc: string | null;
  readonly file: string;
  readonly line: number;
}

export interface CallOptions {
  /** Fires = the call is given up: the script is terminated and the promise rejects with `PLUGIN_ABORTED`. */
  readonly signal?: AbortSignal;
  /** Wall time for the whole call; default 60 s, 30 min for `init` / `upload`. Then `PLUGIN_TIMEOUT`. */
  readonly timeoutMs?: number;
}

export interface InitOptions extends CallOptions {
  /** Told before each step of the default algorithm, for progress and for the node's state file. */
  readonly onStep?: (step: InitStep) => void | Promise<void>;
  /** Where the default algorithm keeps how far it got, and learns how far the run before it did. */
  readonly journal?: StepJournal;
}

export interface RenewOptions extends InitOptions {
  readonly isRenamed?: boolean;
}

export interface StatusOptions extends CallOptions {
  /** The jobs as they are now, where the caller has just asked for them. */
  readonly jobs?: JobsInfo;
}

/** What several functions said: the value of each, or why there is none. */
export interface Polled<K extends keyof PolledValues> {
  readonly values: { readonly [P in K]?: PolledValues[P] };
  readonly failures: ReadonlyMap<K, PluginError>;
}

/** The metrics and names a node polls; each is called only when `capabilities` has it (spec plugin-api.md §1.6). */
export interface PolledValues {
  /** As the script says it, up to i64; a bigint beyond 2^53. */
  readonly height: number | bigint;
  readonly block_age: number | bigint;
  readonly name: string;
  readonly address: string;
  readonly consensus: boolean;
  readonly apr: number;
  readonly jailed: boolean;
  readonly jailed_reason: string;
  readonly sqd_name: string;
}

/**
 * A compiled plugin. Immutable: a reload is a new `load`. Every call evaluates the top level afresh in a worker process (spec §1.3).
 * Failures reject with `PluginError`.
 */
export interface Plugin {
  /** sha256 of all files; equal digests = the same plugin. */
  readonly digest: string;
  readonly functions: readonly PluginFunction[];
  /** Sorted, unique; what `bv node capabilities` lists and what gates polling and `call`. */
  readonly capabilities: readonly string[];
  readonly hasConfig: boolean;

  /** Top level, `plugin_config()`, conversion and validation; nothing is persisted and no job is touched. */
  evaluateConfig(engine: PluginEngine, options?: CallOptions): Promise<PluginConfig>;
  /** Evaluates and persists the config, then the script's `init()` or the default algorithm (spec §4.1–4.2). */
  init(engine: PluginEngine, options?: InitOptions): Promise<void>;
  /**
   * After parameters (or, with `isRenamed`, the name as well) changed on a node whose init is complete: evaluates the config, and defines and starts services anew by it.
   * False: nothing was done, as only `init` can tell what the change means (the script's own, or other commands, jobs or data than before).
   */
  renewServices(engine: PluginEngine, options?: RenewOptions): Promise<boolean>;
  /** The same for a config that edited scripts gave. Unchanged services go on. */
  applyConfig(config: PluginConfig, engine: PluginEngine, options?: InitOptions): Promise<boolean>;
  /** The script's `upload()` or the default algorithm (spec §4.3). */
  upload(engine: PluginEngine, options?: InitOptions): Promise<void>;
  /** Brings back the services that an upload stopped which was given up, ran out of time, or whose host was killed. Can be repeated. */
  resumeServices(engine: PluginEngine, options?: InitOptions): Promise<void>;
  /** Job states first, then the script (spec §4.5). */
  protocolStatus(engine: PluginEngine, options?: StatusOptions): Promise<ProtocolStatus>;
  poll<K extends keyof PolledValues>(name: K, engine: PluginEngine, options?: CallOptions): Promise<PolledValues[K]>;
  /**
   * Several of them, one after the other in one turn of a worker; `timeoutMs` is for each. Rejects only when the call as a whole could not
   * be made, or was given up.
   */
  pollAll<K extends keyof PolledValues>(
    names: readonly K[],
    engine: PluginEngine,
    options?: CallOptions,
  ): Promise<Polled<K>>;
  /** Any capability by name, the result as `bv node run` prints it. Unknown: `PLUGIN_METHOD`. */
  call(name: string, param: string, engine: PluginEngine, options?: InitOptions): Promise<string>;
}
