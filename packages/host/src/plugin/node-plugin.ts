import type { CallOptions, InitOptions, Plugin, PluginEngine, PluginWorkers } from "@blockvisor/plugin";
import { HostError } from "../errors/host-error.ts";
import { readPluginFiles } from "./plugin-files.ts";

/** The plugin of one node: what is loaded of it, or why it could not be. Calls of different kinds may run at the same time. */
export class NodePlugin {
  readonly #workers: PluginWorkers;
  readonly #engine: PluginEngine;
  readonly #rootfs: string;
  #loaded: { readonly plugin: Plugin } | { readonly failure: unknown } | undefined;
  #polls = new AbortController();

  constructor(workers: PluginWorkers, engine: PluginEngine, rootfs: string) {
    this.#workers = workers;
    this.#engine = engine;
    this.#rootfs = rootfs;
  }

  /** Reads and compiles all files anew. On failure the earlier plugin is gone: it is not what the image says any more. */
  async load(): Promise<void> {
    try {
      this.#loaded = { plugin: await this.#workers.load(await readPluginFiles(this.#rootfs)) };
    } catch (failure) {
      this.#loaded = { failure };
      throw failure;
    }
  }

  unload(): void {
    this.#loaded = undefined;
  }

  /** Why the plugin cannot be used; undefined when it can. */
  get failure(): unknown {
    if (this.#loaded === undefined) return new HostError("unavailable", "the plugin is not loaded yet");
    return "failure" in this.#loaded ? this.#loaded.failure : undefined;
  }

  /** Equal digests = the same scripts; undefined without a plugin. */
  get digest(): string | undefined {
    return this.#loaded && "plugin" in this.#loaded ? this.#loaded.plugin.digest : undefined;
  }

  /** Empty without a plugin. */
  get capabilities(): readonly string[] {
    return this.#loaded && "plugin" in this.#loaded ? this.#loaded.plugin.capabilities : [];
  }

  /** The loaded plugin. Throws what made loading fail. */
  require(): Plugin {
    if (this.#loaded && "plugin" in this.#loaded) return this.#loaded.plugin;
    throw this.failure;
  }

  async init(options: InitOptions): Promise<void> {
    await this.require().init(this.#engine, options);
  }

  /** Evaluates and persists the config; touches no job (spec host-daemon DB-4.8, DB-4.18). */
  async reevaluate(options: CallOptions): Promise<void> {
    const plugin = this.require();
    if (!plugin.hasConfig) return;
    const config = await plugin.evaluateConfig(this.#engine, options);
    const signal = options.signal ?? new AbortController().signal;
    await this.#engine.saveConfig(config, { deadline: Number.POSITIVE_INFINITY, signal });
  }

  /** Error `not_found`, with the capabilities as candidates, for a name the plugin does not have. */
  async call(name: string, param: string, options: CallOptions = {}): Promise<string> {
    const plugin = this.require();
    if (!plugin.capabilities.includes(name)) {
      throw new HostError("not_found", "protocol method not found", {
        hint: `options are: ${plugin.capabilities.join(", ")}`,
        candidates: plugin.capabilities,
      });
    }
    return plugin.call(name, param, this.#engine, options);
  }

  /** A read-only call that gives way to operations on the node (spec plugin-api §1, "never block lifecycle commands behind a poll"). */
  async poll<T>(
    timeoutMs: number,
    ask: (plugin: Plugin, engine: PluginEngine, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    return ask(this.require(), this.#engine, { timeoutMs, signal: this.#polls.signal });
  }

  abortPolls(): void {
    this.#polls.abort();
    this.#polls = new AbortController();
  }
}
