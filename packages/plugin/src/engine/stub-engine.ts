import type { PluginConfig } from "../config/model.ts";
import type { PlannedJob } from "../config/plan.ts";
import type { SavedConfig } from "../config/saved.ts";
import type { JobConfig, JobInfo, JobsInfo } from "./job.ts";
import type { NodeEnv } from "./node-env.ts";
import type { ComparedJob, HttpResponse, LogLevel, PluginEngine, ShResponse } from "./port.ts";
import type { TaskPolicy } from "./task-policy.ts";

export interface StubNode {
  readonly env: NodeEnv;
  readonly params: Readonly<Record<string, string>>;
  /** Values for `get_secret`; every other key has the text `secret value`. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Where the data of the node come from; by default a fresh node with an archive. */
export interface StubData {
  readonly stamp?: Date;
  readonly archive?: boolean;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** A file that a plugin made from a template. */
export interface StubRendering {
  readonly template: string;
  readonly destination: string;
  /** JSON text. */
  readonly params: string;
}

/** A host without a node, for checks and inspection (spec plugin-api.md §7.3): everything succeeds, nothing happens, jobs are noted. */
export class StubEngine implements PluginEngine {
  readonly logLines: LogLine[] = [];
  readonly tasks: ({
    readonly name: string;
    readonly schedule: string;
    readonly fn: string;
    readonly param: string;
  } & TaskPolicy)[] = [];
  readonly rendered: StubRendering[] = [];
  /** Keys of secrets. */
  readonly secretsAsked = new Set<string>();
  /** Texts for a shell. */
  readonly ran: string[] = [];
  readonly #node: StubNode;
  readonly #data: StubData;
  readonly #jobs = new Map<string, JobConfig>();
  #config: SavedConfig | undefined;
  #applied: SavedConfig | undefined;

  constructor(node: StubNode, data: StubData = {}) {
    this.#node = node;
    this.#data = data;
  }

  /** Jobs in the order in which they were created last. */
  get jobs(): readonly PlannedJob[] {
    return [...this.#jobs].map(([name, config]) => ({ name, config }));
  }

  /** The config that was evaluated last. */
  get config(): PluginConfig | undefined {
    return this.#config?.config;
  }

  async createJob(name: string, config: JobConfig): Promise<void> {
    this.#jobs.delete(name);
    this.#jobs.set(name, config);
  }
  async startJob(): Promise<void> {}
  async stopJob(): Promise<void> {}
  async stopAllJobs(): Promise<void> {}
  async cleanupJob(): Promise<void> {}
  async deleteJob(name: string): Promise<void> {
    this.#jobs.delete(name);
  }
  async jobInfo(): Promise<JobInfo> {
    const now = Date.now();
    return {
      status: { pending: { waiting_for: [] } },
      timestamp: { secs_since_epoch: Math.floor(now / 1000), nanos_since_epoch: (now % 1000) * 1_000_000 },
      progress: null,
      restart_count: 0,
      logs: [],
      upgrade_blocking: false,
    };
  }
  async getJobs(): Promise<JobsInfo> {
    return { dummy_job: await this.jobInfo() };
  }

  async compareJob(): Promise<ComparedJob> {
    return "other";
  }

  async runJrpc(): Promise<HttpResponse> {
    return { statusCode: 0, body: "" };
  }
  async runRest(): Promise<HttpResponse> {
    return { statusCode: 0, body: "" };
  }
  async runSh(body: string): Promise<ShResponse> {
    this.ran.push(body);
    return { exitCode: 0, stdout: "", stderr: "" };
  }
  async renderTemplate(template: string, destination: string, params: string): Promise<void> {
    this.rendered.push({ template, destination, params });
  }
  async wouldRender(): Promise<boolean> {
    return false;
  }
  async fileRead(): Promise<Uint8Array> {
    return new Uint8Array();
  }
  async fileWrite(): Promise<void> {}

  async nodeParams(): Promise<Readonly<Record<string, string>>> {
    return this.#node.params;
  }
  async nodeEnv(): Promise<NodeEnv> {
    return this.#node.env;
  }

  async saveData(): Promise<void> {}
  async loadData(): Promise<string> {
    return "";
  }
  async swapData(): Promise<boolean> {
    return true;
  }
  async saveConfig(config: PluginConfig, digest: string): Promise<void> {
    this.#config = { config, digest };
  }
  async loadConfig(): Promise<SavedConfig | undefined> {
    return this.#config;
  }
  async saveApplied(config: PluginConfig, digest: string): Promise<void> {
    this.#applied = { config, digest };
  }
  async loadApplied(): Promise<SavedConfig | undefined> {
    return this.#applied ?? this.#config;
  }

  async addTask(name: string, schedule: string, fn: string, param: string, policy: TaskPolicy): Promise<void> {
    this.tasks.push({ name, schedule, fn, param, ...policy });
  }
  async deleteTask(): Promise<void> {}

  async protocolDataStamp(): Promise<Date | undefined> {
    return this.#data.stamp;
  }
  async hasProtocolArchive(): Promise<boolean> {
    return this.#data.archive ?? true;
  }
  async hasServiceData(): Promise<boolean> {
    return this.#data.stamp !== undefined;
  }

  async getSecret(name: string): Promise<Uint8Array> {
    this.secretsAsked.add(name);
    return new TextEncoder().encode(this.#node.secrets?.[name] ?? "secret value");
  }
  async putSecret(): Promise<void> {}

  async log(level: LogLevel, message: string): Promise<void> {
    this.logLines.push({ level, message });
  }
}
