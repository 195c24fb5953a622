import {
  type CallOptions,
  configChanges,
  type InitOptions,
  type Plugin,
  type PluginConfig,
  type PluginEngine,
  type PluginWorkers,
  type RenewOptions,
} from "@blockvisor/plugin";
import { type Recording, type RecordRequest, recordPlugin } from "@blockvisor/plugin/recording";
import type { TimeLimits } from "../config/time-limits.ts";
import { HostError } from "../errors/host-error.ts";
import { readPluginFiles } from "./plugin-files.ts";

/** A config as scripts say it now. */
export interface Reevaluated {
  readonly config: PluginConfig;
  readonly changes: readonly string[];
}

/** The plugin of one node: what is loaded of it, or why it could not be. Calls of different kinds may run at the same time. */
export class NodePlugin {
  readonly #workers: PluginWorkers;
  readonly #engine: PluginEngine;
  readonly #rootfs: () => Promise<string>;
  readonly #limits: () => Pick<TimeLimits, "callMs" | "initMs" | "pollMs">;
  #plugin: Plugin | undefined;
  #failure: unknown = new HostError("unavailable", "the plugin is not loaded yet");
  #polls = new AbortController();
  #loading: Promise<void> = Promise.resolve();

  /** @param rootfs in which the files are; asked whenever they are read. `limits`: asked at each call. */
  constructor(
    workers: PluginWorkers,
    engine: PluginEngine,
    rootfs: () => Promise<string>,
    limits: () => Pick<TimeLimits, "callMs" | "initMs" | "pollMs">,
  ) {
    this.#workers = workers;
    this.#engine = engine;
    this.#rootfs = rootfs;
    this.#limits = limits;
  }

  /**
   * Reads and compiles all files anew, after whoever does that already: what was read last counts. On failure the plugin that was loaded
   * before stays in use, so that a node can be watched on.
   */
  load(): Promise<void> {
    const turn = this.#loading.then(() => this.#load());
    this.#loading = turn.catch(() => {});
    return turn;
  }

  async #load(): Promise<void> {
    try {
      this.#plugin = await this.#workers.load(await readPluginFiles(await this.#rootfs()));
      this.#failure = undefined;
    } catch (failure) {
      this.#failure = failure;
      throw failure;
    }
  }

  /** What was loaded belongs to another root file system. */
  unload(): void {
    this.#plugin = undefined;
  }

  /** Why the last load failed; undefined when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Equal digests = the same scripts; undefined without a plugin. */
  get digest(): string | undefined {
    return this.#plugin?.digest;
  }

  /** Empty without a plugin. */
  get capabilities(): readonly string[] {
    return this.#plugin?.capabilities ?? [];
  }

  /** The loaded plugin. Throws what made loading fail. */
  require(): Plugin {
    if (this.#plugin) return this.#plugin;
    throw this.#failure;
  }

  async init(options: InitOptions): Promise<void> {
    await this.require().init(this.#engine, this.#long(options));
  }

  /** What changed parameters, or another name, mean for services. False: `init` has to run. */
  async renewServices(options: RenewOptions): Promise<boolean> {
    return this.require().renewServices(this.#engine, this.#long(options));
  }

  async resumeServices(options: InitOptions): Promise<void> {
    await this.require().resumeServices(this.#engine, this.#long(options));
  }

  /** What edited scripts mean for services, by a config of theirs. False: `init` has to run. */
  async applyConfig(config: PluginConfig, options: InitOptions): Promise<boolean> {
    return this.require().applyConfig(config, this.#engine, this.#long(options));
  }

  /**
   * Evaluates and persists the config; touches no job (spec host-daemon DB-4.8, DB-4.18). With `dryRun` nothing is persisted either. Undefined
   * where the plugin has none; `changes`: what it says otherwise than the one that jobs were defined by.
   */
  async reevaluate(options: CallOptions & { readonly dryRun?: boolean }): Promise<Reevaluated | undefined> {
    const plugin = this.require();
    if (!plugin.hasConfig) return undefined;
    const { dryRun = false, ...call } = options;
    const config = await plugin.evaluateConfig(this.#engine, this.#short(call));
    const signal = options.signal ?? new AbortController().signal;
    const ctx = { deadline: Number.POSITIVE_INFINITY, signal };
    const before = await this.#engine.loadApplied(ctx);
    if (!dryRun) await this.#engine.saveConfig(config, plugin.digest, ctx);
    return { config, changes: before === undefined ? [] : configChanges(before.config, config) };
  }

  /** Error `not_found`, with the capabilities as candidates, for a name the plugin does not have. */
  async call(name: string, param: string, options: InitOptions = {}): Promise<string> {
    const plugin = this.#requireFunction(name);
    const limited = name === "init" || name === "upload" ? this.#long(options) : this.#short(options);
    return plugin.call(name, param, this.#engine, limited);
  }

  /** What the functions that are polled, and others, ask and are answered now. Error `not_found` as `call`; `invalid` for init and upload. */
  async record(request: RecordRequest): Promise<Recording> {
    for (const { name } of request.also ?? []) {
      this.#requireFunction(name);
      if (name !== "init" && name !== "upload") continue;
      throw new HostError("invalid", `${name} is not recorded`, { hint: "a test drives it on a host of its own" });
    }
    return recordPlugin(this.require(), this.#engine, this.#short(request));
  }

  #requireFunction(name: string): Plugin {
    const plugin = this.require();
    if (plugin.capabilities.includes(name)) return plugin;
    throw new HostError("not_found", "protocol method not found", {
      hint: `options are: ${plugin.capabilities.join(", ")}`,
      candidates: plugin.capabilities,
    });
  }

  /** A read-only call that gives way to operations on the node (spec plugin-api §1, "never block lifecycle commands behind a poll"). */
  async poll<T>(ask: (plugin: Plugin, engine: PluginEngine, options: CallOptions) => Promise<T>): Promise<T> {
    return ask(this.require(), this.#engine, { timeoutMs: this.#limits().pollMs, signal: this.#polls.signal });
  }

  #short<T extends CallOptions>(options: T): T {
    return { timeoutMs: this.#limits().callMs, ...options };
  }

  #long<T extends CallOptions>(options: T): T {
    return { timeoutMs: this.#limits().initMs, ...options };
  }

  abortPolls(): void {
    this.#polls.abort();
    this.#polls = new AbortController();
  }
}
