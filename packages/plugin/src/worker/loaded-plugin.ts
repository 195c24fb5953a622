import { createHash } from "node:crypto";
import type { Diagnostic } from "@blockvisor/image";
import type { PluginConfig } from "../config/model.ts";
import { type SavedConfig, savedConfigText } from "../config/saved.ts";
import type { EngineContext, PluginEngine } from "../engine/port.ts";
import type { RunContext } from "../init/context.ts";
import { defaultInit } from "../init/default-init.ts";
import { defaultUpload, resumeServices } from "../init/default-upload.ts";
import { deleteDroppedTasks, deleteLeftovers, notingJobs } from "../init/leftovers.ts";
import { renewServices } from "../init/renew-services.ts";
import { noJournal } from "../init/step-journal.ts";
import { POLLED } from "../platform-functions.ts";
import type {
  CallOptions,
  InitOptions,
  Plugin,
  PluginFiles,
  PluginFunction,
  Polled,
  PolledValues,
  RenewOptions,
  StatusOptions,
} from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { statusFromJobs } from "../status/job-state.ts";
import type { ProtocolStatus } from "../status/protocol-status.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { type Defaults, engineCalls } from "./engine-calls.ts";
import type { EvaluatedConfig, LintInput, ScriptFailure, ScriptWork, WorkKind, WorkOf } from "./protocol.ts";
import type { Recent } from "./recent.ts";
import { withinTime } from "./time-limit.ts";
import type { PluginWorkers } from "./workers.ts";

const CALL_TIMEOUT_MS = 60_000;
/** Jobs may take minutes to stop, and there may be many. */
const LONG_TIMEOUT_MS = 1_800_000;

const NO_DEFAULTS: Defaults = {
  init: () => Promise.reject(new Error("default_init() can only be called from init()")),
  upload: () => Promise.reject(new Error("default_upload() can only be called from upload()")),
};

/** Nodes of one image share its scripts: they are compiled for the first of them, and looked at once while several are loaded. */
export async function loadPlugin(
  workers: PluginWorkers,
  files: PluginFiles,
  loaded: Recent<string, Promise<readonly PluginFunction[]>>,
): Promise<Plugin> {
  const digest = digestOf(files);
  const functions = loaded.use(digest, () => functionsOf(workers, files, digest));
  try {
    return new LoadedPlugin(workers, files, digest, await functions);
  } catch (error) {
    loaded.forget(digest);
    throw error;
  }
}

async function functionsOf(workers: PluginWorkers, files: PluginFiles, digest: string) {
  const { functions } = await withinTime("load", { timeoutMs: CALL_TIMEOUT_MS }, ({ deadline, signal }) =>
    workers.run({
      digest,
      files,
      work: { kind: "load" },
      deadline,
      signal,
      engine: () => Promise.reject(new Error("nothing is evaluated at load")),
    }),
  );
  return functions;
}

function digestOf(files: PluginFiles): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(files).sort())
    hash.update(`${name.length}:${name}${files[name]?.length}:`).update(files[name] ?? "");
  return hash.digest("hex");
}

/** A plugin whose script runs on the workers. */
export class LoadedPlugin implements Plugin {
  readonly digest: string;
  readonly functions: readonly PluginFunction[];
  readonly capabilities: readonly string[];
  readonly hasConfig: boolean;
  readonly #workers: PluginWorkers;
  readonly #files: PluginFiles;
  /** Functions that were given a parameter they ignore; told once. */
  readonly #warned = new Set<string>();

  constructor(workers: PluginWorkers, files: PluginFiles, digest: string, functions: readonly PluginFunction[]) {
    this.#workers = workers;
    this.#files = files;
    this.digest = digest;
    this.functions = functions;
    this.capabilities = capabilitiesOf(functions);
    this.hasConfig = functions.some((fn) => fn.name === "plugin_config" && fn.params.length === 0);
  }

  async evaluateConfig(engine: PluginEngine, options: CallOptions = {}): Promise<PluginConfig> {
    return withinTime("plugin_config", limited(options), (ctx) => this.#config(engine, ctx));
  }

  /** The config with everything the linter would say about it; never rejects for an invalid config, only for one that does not convert. */
  async inspectConfig(engine: PluginEngine, options: CallOptions = {}): Promise<EvaluatedConfig> {
    return withinTime("plugin_config", limited(options), (ctx) => this.run({ kind: "config" }, engine, ctx));
  }

  /** What the linter finds without evaluating anything. */
  async lint(input: LintInput, engine: PluginEngine, options: CallOptions = {}): Promise<readonly Diagnostic[]> {
    return withinTime("lint", limited(options), (ctx) => this.run({ kind: "lint", ...input }, engine, ctx));
  }

  async init(engine: PluginEngine, options: InitOptions = {}): Promise<void> {
    await withinTime("init", limited(options, LONG_TIMEOUT_MS), async (ctx) => {
      const config = this.hasConfig ? await this.#config(engine, ctx) : undefined;
      if (config) {
        // Tasks of the plugin before, too.
        await deleteDroppedTasks(engine, (await engine.loadApplied(ctx))?.config, config, ctx);
        await engine.saveConfig(config, this.digest, ctx);
      }
      const noting = notingJobs(engine);
      const byDefault = async (known: InitOptions): Promise<void> => {
        const settled = required(config);
        const run = runContext(noting.engine, ctx, known, runOf("init", settled, this.digest));
        for (const name of await defaultInit(settled, run)) noting.named.add(name);
      };
      if (!this.defines("init")) await byDefault(options);
      else {
        const defaults = { ...NO_DEFAULTS, init: () => byDefault(wholly(options)) };
        await this.run({ kind: "run", fn: "init" }, noting.engine, ctx, defaults);
      }
      await deleteLeftovers(engine, noting.named, ctx);
      if (config) await engine.saveApplied(config, this.digest, ctx);
    });
  }

  async renewServices(engine: PluginEngine, options: RenewOptions = {}): Promise<boolean> {
    if (!this.hasConfig || this.defines("init")) return false;
    return withinTime("plugin_config", limited(options, LONG_TIMEOUT_MS), async (ctx) => {
      const config = await this.#config(engine, ctx);
      const run = runContext(engine, ctx, options, runOf("renew", config, this.digest));
      const applied = this.#own(await engine.loadApplied(ctx));
      return renewServices(options.isRenamed ? "name" : "parameters", applied, config, this.digest, run);
    });
  }

  async applyConfig(config: PluginConfig, engine: PluginEngine, options: InitOptions = {}): Promise<boolean> {
    if (this.defines("init")) return false;
    return withinTime("plugin_config", limited(options, LONG_TIMEOUT_MS), async (ctx) => {
      const run = runContext(engine, ctx, options, runOf("apply", config, this.digest));
      return renewServices("scripts", (await engine.loadApplied(ctx))?.config, config, this.digest, run);
    });
  }

  async upload(engine: PluginEngine, options: InitOptions = {}): Promise<void> {
    await withinTime("upload", limited(options, LONG_TIMEOUT_MS), async (ctx) => {
      const byDefault = async (known: InitOptions): Promise<void> => {
        const saved = this.#own(await engine.loadConfig(ctx));
        const config = required(saved ?? (this.hasConfig ? await this.#config(engine, ctx) : undefined));
        await defaultUpload(config, runContext(engine, ctx, known, runOf("upload", config, this.digest)));
      };
      if (!this.defines("upload")) return byDefault(options);
      const defaults = { ...NO_DEFAULTS, upload: () => byDefault(wholly(options)) };
      await this.run({ kind: "run", fn: "upload" }, engine, ctx, defaults);
    });
  }

  async resumeServices(engine: PluginEngine, options: InitOptions = {}): Promise<void> {
    await withinTime("upload", limited(options, LONG_TIMEOUT_MS), async (ctx) => {
      // Of the plugin before, too: what it defined is what there is.
      const saved = await engine.loadConfig(ctx);
      if (saved === undefined) return;
      const of = runOf("upload", saved.config, saved.digest);
      await resumeServices(saved.config, runContext(engine, ctx, options, of));
    });
  }

  async protocolStatus(engine: PluginEngine, options: StatusOptions = {}): Promise<ProtocolStatus> {
    return withinTime("protocol_status", limited(options), async (ctx) => {
      const jobs = options.jobs ?? (await engine.getJobs(ctx));
      const byJobs = await statusFromJobs(jobs, async () => (await engine.loadConfig(ctx))?.config);
      return byJobs ?? this.run({ kind: "status" }, engine, ctx);
    });
  }

  async poll<K extends keyof PolledValues>(
    name: K,
    engine: PluginEngine,
    options: CallOptions = {},
  ): Promise<PolledValues[K]> {
    const { values, failures } = await this.pollAll([name], engine, options);
    const failure = failures.get(name);
    if (failure) throw failure;
    return values[name] as PolledValues[K];
  }

  async pollAll<K extends keyof PolledValues>(
    names: readonly K[],
    engine: PluginEngine,
    options: CallOptions = {},
  ): Promise<Polled<K>> {
    const { timeoutMs = CALL_TIMEOUT_MS } = options;
    const asked = names.map((fn) => ({ fn, type: POLLED[fn] }));
    const whole = { ...options, timeoutMs: timeoutMs * names.length };
    const answers = await withinTime(names.join(", "), whole, (ctx) =>
      this.run({ kind: "poll", asked, timeoutMs }, engine, ctx),
    );
    const values: Partial<Record<K, number | bigint | boolean | string>> = {};
    const failures = new Map<K, PluginError>();
    names.forEach((name, index) => {
      const answer = answers[index];
      if (answer?.ok) values[name] = POLLED[name] === "u64" ? wholeOf(answer.value) : answer.value;
      else if (answer) failures.set(name, pluginError(answer.failure, this.#files));
    });
    return { values: values as Polled<K>["values"], failures };
  }

  async call(name: string, param: string, engine: PluginEngine, options: InitOptions = {}): Promise<string> {
    switch (name) {
      case "init":
        await this.init(engine, options);
        return "";
      case "upload":
        await this.upload(engine, options);
        return "null";
      case "protocol_status":
        return JSON.stringify(await this.protocolStatus(engine, options));
      case "height":
      case "block_age":
      case "consensus":
        return String(await this.poll(name, engine, options));
      default:
        return withinTime(name, limited(options), async (ctx) => {
          await this.#warnAboutParam(name, param, engine, ctx);
          return this.run({ kind: "text", fn: name, param }, engine, ctx);
        });
    }
  }

  /** One piece of work for this plugin's script. */
  run<K extends WorkKind>(
    work: WorkOf<K>,
    engine: PluginEngine,
    ctx: EngineContext,
    defaults = NO_DEFAULTS,
  ): Promise<ScriptWork[K]["output"]> {
    return this.#workers.run<K>({
      digest: this.digest,
      files: this.#files,
      work,
      deadline: ctx.deadline,
      signal: ctx.signal,
      engine: engineCalls(engine, ctx, defaults, this.capabilities),
      now: engine.now?.(),
      onCovered: engine.covered?.bind(engine),
    });
  }

  /** A config that was saved, unless it is another plugin's, such as that of the image before an upgrade. */
  #own(saved: SavedConfig | undefined): PluginConfig | undefined {
    return saved && (saved.digest === "" || saved.digest === this.digest) ? saved.config : undefined;
  }

  async #config(engine: PluginEngine, ctx: EngineContext): Promise<PluginConfig> {
    // However long init may take: saying what there is to do must not.
    const limits = { signal: ctx.signal, timeoutMs: CALL_TIMEOUT_MS };
    const { config, findings } = await withinTime("plugin_config", limits, (own) =>
      this.run({ kind: "config" }, engine, own),
    );
    const errors = findings.filter((finding) => finding.level === "error").map((finding) => finding.diagnostic);
    if (errors.length === 0) return config;
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
    throw new PluginError("PLUGIN_CONFIG", `${errors[0]?.message}${more}`, { diagnostics: errors });
  }

  /** The script has its own `init` or `upload`. */
  defines(name: "init" | "upload"): boolean {
    return this.functions.some((fn) => fn.name === name && fn.params.length <= 1);
  }

  async #warnAboutParam(name: string, param: string, engine: PluginEngine, ctx: EngineContext): Promise<void> {
    const ignores = param !== "" && !this.functions.some((fn) => fn.name === name && fn.params.length === 1);
    if (!ignores || this.#warned.has(name)) return;
    this.#warned.add(name);
    await engine.log("warn", `function '${name}' takes no parameter; the given one is ignored`, ctx);
  }
}

function pluginError({ code, message, diagnostics, frames }: ScriptFailure, sources: PluginFiles): PluginError {
  return new PluginError(code, message, { diagnostics, frames, sources });
}

const wholeOf = (value: number | boolean | string) => (typeof value === "string" ? BigInt(value) : value);

function limited(options: CallOptions, timeoutMs = CALL_TIMEOUT_MS): CallOptions {
  return { timeoutMs, ...options };
}

function runContext(engine: PluginEngine, ctx: EngineContext, options: InitOptions, of: string): RunContext {
  return { engine, ctx, of, onStep: options.onStep ?? (() => {}), journal: options.journal ?? noJournal };
}

/** A run of a default algorithm: the same one only with the same scripts and config. */
function runOf(algorithm: "init" | "upload" | "renew" | "apply", config: PluginConfig, digest: string): string {
  return createHash("sha256")
    .update(`${algorithm} ${savedConfigText(config, digest)}`)
    .digest("hex");
}

/** From the first step on: what a script did around the default algorithm is done again, too. */
const wholly = (options: InitOptions): InitOptions => ({ ...options, journal: noJournal });

function required(config: PluginConfig | undefined): PluginConfig {
  if (config) return config;
  throw new PluginError("PLUGIN_CONFIG", "Missing plugin_config function");
}
