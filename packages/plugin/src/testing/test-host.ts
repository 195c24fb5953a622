import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import type { SavedConfig } from "../config/saved.ts";
import { isActive, type JobConfig, type JobInfo, type JobsInfo } from "../engine/job.ts";
import type { NodeEnv } from "../engine/node-env.ts";
import type {
  ComparedJob,
  HttpResponse,
  JrpcRequest,
  LogLevel,
  PluginEngine,
  RestRequest,
  ShOptions,
  ShResponse,
} from "../engine/port.ts";
import type { LogLine } from "../engine/stub-engine.ts";
import type { TaskPolicy } from "../engine/task-policy.ts";
import type { StubTarget } from "../inspect/stub-target.ts";
import { stubNode } from "../inspect/stub-target.ts";
import { PluginError } from "../plugin-error.ts";
import { renderForReal } from "../templates/render.ts";
import { NO_TEMPLATES, type TemplateFile, type TemplateSource } from "../templates/source.ts";
import type { Covered } from "../worker/covered.ts";
import { Answers, fits, type Pattern } from "./answers.ts";
import type { Coverage } from "./coverage.ts";
import { HostFailure, NO_SUCH_FILE } from "./host-failure.ts";
import { JobBoard } from "./job-board.ts";
import type { RealShell } from "./real-shell.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface HostedTask extends TaskPolicy {
  readonly name: string;
  readonly schedule: string;
  readonly fn: string;
  readonly param: string;
}

export interface ShQuestion {
  readonly body: string;
  readonly options: ShOptions;
}

/** What a command says, and how long that takes by the clock of the test. */
export interface ShAnswer {
  readonly response: ShResponse;
  readonly delayMs: number;
}

/** A call that the test said nothing about. */
export interface Violation {
  readonly error: PluginError;
  /** How to say something about it. */
  readonly help: string;
  /** What a shell was to run. */
  readonly command?: string;
}

/**
 * The host of one test (spec plugin-api.md §9.2): jobs, tasks, data, files and node are kept in memory, everything else answers as the test
 * programmed it. A call that nothing was said about gives the whole call of the plugin up: no `try` of a script can hide it.
 */
export class TestHost implements PluginEngine {
  readonly clock = new VirtualClock();
  readonly jobs: JobBoard;
  readonly jrpc = new Answers<JrpcRequest, HttpResponse>();
  readonly rest = new Answers<RestRequest, HttpResponse>();
  readonly sh = new Answers<ShQuestion, ShAnswer>();
  /** Of files that neither the test nor the plugin wrote, by path. */
  readonly fileReads = new Answers<string, Uint8Array>();
  /** Jobs that are not on the board, by name; all of them where none is asked for. */
  readonly jobInfos = new Answers<string, JobInfo>();
  readonly jobLists = new Answers<undefined, JobsInfo>();
  /** Content, or that there is none. */
  readonly files = new Map<string, Uint8Array | undefined>();
  /** Destination → JSON text of the parameters. */
  readonly rendered = new Map<string, { readonly template: string; readonly params: string }>();
  /** Templates that the test wrote, by path. */
  readonly templates = new Map<string, string>();
  readonly secrets = new Map<string, Uint8Array | undefined>();
  readonly tasks = new Map<string, HostedTask>();
  readonly logLines: LogLine[] = [];
  env: NodeEnv;
  params: Readonly<Record<string, string>>;
  /** By slot; undefined: the text without one. */
  readonly data = new Map<string | undefined, string>();
  dataStamp: Date | undefined;
  archive = true;
  archives: Readonly<Record<string, boolean>> = {};
  violation: Violation | undefined;
  /** Where commands are run that nothing else answers, and which of them. */
  realShell: { readonly shell: RealShell; readonly commands: Pattern } | undefined;
  /** Answers are those of a live node. */
  replays = false;
  readonly image: StubTarget["image"];
  readonly #calls = new Map<string, number>();
  readonly #templateSource: TemplateSource;
  readonly #givingUp = new AbortController();
  #config: SavedConfig | undefined;
  #applied: SavedConfig | undefined;
  #obliging = false;

  covered?: (lines: Covered) => void;

  constructor(target: StubTarget, coverage?: Coverage, templates: TemplateSource = NO_TEMPLATES) {
    this.#templateSource = {
      complete: false,
      read: async (paths) => {
        const own = paths.flatMap((path): [string, TemplateFile][] => {
          const text = this.templates.get(path);
          return text === undefined ? [] : [[path, { file: path, text }]];
        });
        return new Map([...(await templates.read(paths)), ...own]);
      },
    };
    this.image = target.image;
    if (coverage) this.covered = (lines) => coverage.add(lines);
    const { env, params, secrets } = stubNode(target);
    for (const [key, text] of Object.entries(secrets ?? {})) this.secrets.set(key, Buffer.from(text));
    this.env = { ...env, dev_mode: false };
    this.params = params;
    this.jobs = new JobBoard(this.clock, (_name, { use_protocol_data: usesData }) => {
      if (usesData === true) this.dataStamp ??= new Date(this.clock.now);
    });
  }

  /** Whatever is asked succeeds, and says as little as possible (the stubs of the linter, spec §7.3). */
  oblige(): void {
    this.#obliging = true;
    this.sh.add({
      applies: () => true,
      outcomes: [{ kind: "answer", answer: { response: { exitCode: 0, stdout: "", stderr: "" }, delayMs: 0 } }],
    });
    const http = { kind: "answer", answer: { statusCode: 200, body: "{}" } } as const;
    this.jrpc.add({ applies: () => true, outcomes: [http] });
    this.rest.add({ applies: () => true, outcomes: [http] });
  }

  /** Fires at the first call that the test said nothing about. */
  get signal(): AbortSignal {
    return this.#givingUp.signal;
  }

  /** The test is over: nothing that the plugin was asked goes on. */
  end(): void {
    this.#givingUp.abort(new PluginError("PLUGIN_ABORTED", "the test has ended"));
  }

  get config(): PluginConfig | undefined {
    return this.#config?.config;
  }

  /** How often the plugin, or a default algorithm for it, called a function; by the name that scripts use. */
  calls(name: string): number {
    return this.#calls.get(name) ?? 0;
  }

  async createJob(name: string, config: JobConfig): Promise<void> {
    this.#note("create_job");
    this.jobs.create(name, config);
  }
  async startJob(name: string): Promise<void> {
    this.#note("start_job");
    this.jobs.start(name);
  }
  async stopJob(name: string): Promise<void> {
    this.#note("stop_job");
    this.jobs.stop(name);
  }
  async stopAllJobs(): Promise<void> {
    this.#note("stop_all_jobs");
    this.jobs.stopAll();
  }
  async cleanupJob(name: string): Promise<void> {
    this.#note("cleanup_job");
    this.jobs.cleanup(name);
  }
  async deleteJob(name: string): Promise<void> {
    this.jobs.delete(name);
  }
  async jobInfo(name: string): Promise<JobInfo> {
    this.#note("job_info");
    const told = this.jobs.has(name) ? undefined : this.jobInfos.to(name);
    return told ?? this.jobs.info(name);
  }
  async getJobs(): Promise<JobsInfo> {
    this.#note("get_jobs");
    return { ...this.jobLists.to(undefined), ...this.jobs.infos() };
  }

  async compareJob(name: string, config: JobConfig): Promise<ComparedJob> {
    const free = { needs: null, wait_for: null };
    const isSame =
      this.jobs.has(name) && isDeepStrictEqual({ ...this.jobs.config(name), ...free }, { ...config, ...free });
    if (!isSame) return "other";
    return isActive(this.jobs.info(name).status) ? "active" : "idle";
  }

  async runJrpc(request: JrpcRequest): Promise<HttpResponse> {
    this.#note("run_jrpc");
    const { method, host } = request;
    return (
      this.jrpc.to(request) ??
      this.#unknown(
        `run_jrpc: nothing answers ${quoted(method)} at ${host}`,
        `host.jrpc(${quoted(method)}, #{ result: … });`,
      )
    );
  }
  async runRest(request: RestRequest): Promise<HttpResponse> {
    this.#note("run_rest");
    const { method, url } = request;
    return (
      this.rest.to(request) ??
      this.#unknown(`run_rest: nothing answers ${method} ${url}`, `host.rest(${quoted(url)}, 200, "…");`)
    );
  }
  async runSh(body: string, options: ShOptions): Promise<ShResponse> {
    this.#note("run_sh");
    const { timeoutMs } = options;
    const answer = this.sh.to({ body, options });
    if (answer === undefined && this.realShell !== undefined && fits(this.realShell.commands, body))
      return (await this.realShell.shell.run(body, options, this.signal)) ?? timedOut(timeoutMs);
    const { response, delayMs } =
      answer ??
      this.#unknown(`run_sh: nothing answers ${quoted(body)}`, `host.sh(${quoted(body)}, "its output");`, body);
    this.clock.advance(Math.min(delayMs, timeoutMs));
    return delayMs <= timeoutMs ? response : timedOut(timeoutMs);
  }
  async renderTemplate(template: string, destination: string, params: string): Promise<void> {
    this.#note("render_template");
    this.rendered.set(destination, { template, params });
    const env = { ...this.env, properties: this.params };
    const result = await renderForReal(this.#templateSource, { template, destination, params, env });
    const prefix = "failed to render template file with:";
    if (result.kind === "rendered") this.files.set(destination, Buffer.from(result.text));
    else if (result.kind === "failed") throw new HostFailure(`${prefix} ${result.failure.message}`, "template_failed");
    else if (result.kind === "params")
      throw new HostFailure(`${prefix} params are not a JSON object`, "template_params_invalid");
  }
  async wouldRender(template: string, destination: string, params: string): Promise<boolean> {
    return !isDeepStrictEqual(this.rendered.get(destination), { template, params });
  }
  async fileRead(path: string): Promise<Uint8Array> {
    this.#note("file_read");
    const content = this.files.has(path) ? this.files.get(path) : this.fileReads.to(path);
    if (content !== undefined) return content;
    if (this.files.has(path)) throw new HostFailure(NO_SUCH_FILE);
    if (this.#obliging) return new Uint8Array();
    return this.#unknown(
      `file_read: the test says nothing about ${quoted(path)}`,
      `host.file(${quoted(path)}, "its content"); or host.no_file(${quoted(path)});`,
    );
  }
  async fileWrite(path: string, content: Uint8Array): Promise<void> {
    this.#note("file_write");
    this.files.set(path, Uint8Array.from(content));
  }

  async nodeParams(): Promise<Readonly<Record<string, string>>> {
    return this.params;
  }
  async nodeEnv(): Promise<NodeEnv> {
    return { ...this.env, properties: this.params };
  }

  async saveData(text: string, slot: string | undefined): Promise<void> {
    this.#note("save_data");
    this.data.set(slot, text);
  }
  async loadData(slot: string | undefined): Promise<string | undefined> {
    this.#note("load_data");
    return this.data.get(slot);
  }
  async swapData(slot: string, expected: string | undefined, text: string): Promise<boolean> {
    this.#note("swap_data");
    if (this.data.get(slot) !== expected) return false;
    this.data.set(slot, text);
    return true;
  }
  async saveConfig(config: PluginConfig, digest: string): Promise<void> {
    this.#config = { config, digest };
  }
  async saveApplied(config: PluginConfig, digest: string): Promise<void> {
    this.#applied = { config, digest };
  }
  async loadApplied(): Promise<SavedConfig | undefined> {
    return this.#applied;
  }
  async loadConfig(): Promise<SavedConfig | undefined> {
    return this.#config;
  }

  async addTask(name: string, schedule: string, fn: string, param: string, policy: TaskPolicy): Promise<void> {
    this.#note("add_task");
    this.tasks.set(name, { name, schedule, fn, param, ...policy });
  }
  async deleteTask(name: string): Promise<void> {
    this.#note("delete_task");
    this.tasks.delete(name);
  }

  async protocolDataStamp(): Promise<Date | undefined> {
    return this.env.dev_mode ? new Date(0) : this.dataStamp;
  }
  async hasProtocolArchive(storeKey: string | undefined): Promise<boolean> {
    if (this.env.dev_mode) return false;
    return (storeKey === undefined ? undefined : this.archives[storeKey]) ?? this.archive;
  }
  async hasServiceData(): Promise<boolean> {
    return this.dataStamp !== undefined;
  }

  async getSecret(name: string): Promise<Uint8Array | undefined> {
    this.#note("get_secret");
    if (this.secrets.has(name)) return this.secrets.get(name);
    if (this.#obliging) return new TextEncoder().encode("secret value");
    return this.#unknown(
      `get_secret: the test says nothing about ${quoted(name)}`,
      `host.secret(${quoted(name)}, "its text"); or host.no_secret(${quoted(name)});`,
    );
  }
  async putSecret(name: string, value: Uint8Array): Promise<void> {
    this.#note("put_secret");
    this.secrets.set(name, Uint8Array.from(value));
  }

  async log(level: LogLevel, message: string): Promise<void> {
    this.logLines.push({ level, message });
  }

  now(): number {
    return this.clock.now;
  }

  #note(name: string): void {
    this.#calls.set(name, this.calls(name) + 1);
  }

  #unknown(message: string, help: string, command?: string): never {
    const error = new PluginError("PLUGIN_ENGINE", message);
    const all = this.replays ? `${help} Or record it: nib image test --record NODE` : help;
    this.violation ??= { error, help: all, ...(command !== undefined && { command }) };
    this.#givingUp.abort(error);
    throw error;
  }
}

function timedOut(timeoutMs: number): never {
  const message = `timeout after ${timeoutMs / 1000}s: the script and everything it started was killed`;
  throw new HostFailure(message, "run_sh_timeout");
}

const quoted = (text: string): string => JSON.stringify(text);
