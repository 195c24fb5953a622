import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  Babel,
  BabelJobs,
  type JobConfig,
  type JobConfigSchema,
  type JobInfo,
  NodeEnvSchema,
} from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type AgentDescription, buildAgent } from "../bundle/build.ts";

export const SECRET = "test-secret-0123456789";

/** The bundle, built into a folder of its own. */
export async function builtAgent(): Promise<{ readonly folder: string; readonly description: AgentDescription }> {
  const folder = await mkdtemp(join(tmpdir(), "babel-bundle-"));
  const target = join(folder, "agent");
  return { folder: target, description: await buildAgent(target) };
}

export type Clients = { readonly babel: Client<typeof Babel>; readonly jobs: Client<typeof BabelJobs> };

export function clientsOf(socket: string, secret = SECRET): Clients & { close(): void } {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${secret}`);
    return next(request);
  };
  const sockets = new Set<ReturnType<typeof connect>>();
  const transport = createGrpcTransport({
    baseUrl: "http://babel",
    nodeOptions: {
      createConnection: () => {
        const connection = connect(socket);
        sockets.add(connection);
        connection.once("close", () => sockets.delete(connection));
        return connection;
      },
    },
    interceptors: [authorize],
  });
  return {
    babel: createClient(Babel, transport),
    jobs: createClient(BabelJobs, transport),
    close: () => {
      for (const each of sockets) each.destroy();
    },
  };
}

type ConfigInit = Omit<Exclude<MessageInitShape<typeof JobConfigSchema>, JobConfig>, "$typeName">;

/** A babel process of the bundle, with all its paths below a temporary folder; and clients of it. */
export class TestAgent {
  readonly root: string;
  readonly bundle: string;
  readonly #description: AgentDescription;
  readonly #env: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;
  #clients: (Clients & { close(): void }) | undefined;
  stderr = "";

  constructor(
    bundle: { readonly folder: string; readonly description: AgentDescription },
    root: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.bundle = bundle.folder;
    this.#description = bundle.description;
    this.root = root;
    this.#env = env;
  }

  static async start(bundle: { folder: string; description: AgentDescription }, env?: Record<string, string>) {
    const agent = new TestAgent(bundle, await mkdtemp(join(tmpdir(), "babel-root-")), env);
    await agent.spawn();
    await agent.setup();
    return agent;
  }

  get babel(): Client<typeof Babel> {
    return this.#clients!.babel;
  }
  get jobs(): Client<typeof BabelJobs> {
    return this.#clients!.jobs;
  }
  get pid(): number {
    return this.#process!.pid!;
  }
  get socket(): string {
    return join(this.root, "var/lib/babel/run/babel.sock");
  }
  jobFolder(name: string): string {
    return join(this.root, "var/lib/babel/jobs", name);
  }

  async spawn(description = this.#description, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const [program = "", ...args] = description.command.map((part) => part.replaceAll("{dir}", this.bundle));
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"], BABEL_ROOT: this.root, ...this.#env, ...env },
    });
    this.#process = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#clients = clientsOf(this.socket);
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`babel ended: ${this.stderr}`);
      const answer = await this.babel.getVersion({}, { timeoutMs: 2_000 }).catch(() => undefined);
      return answer?.pid === child.pid;
    }, "babel answers");
  }

  async setup(
    properties: Record<string, string> = {},
    more: { readonly logLimitMb?: number; readonly logSegments?: number } = {},
  ): Promise<void> {
    const dataMountPoint = "/blockjoy";
    const nodeEnv = create(NodeEnvSchema, { nodeId: "n-1", nodeName: "test-node", dataMountPoint, properties });
    await this.babel.setup({ nodeEnv, secret: SECRET, ...more });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#clients?.close();
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.spawn();
  }

  /** Ends babel and every process of its jobs, and removes the folder. */
  async dispose(): Promise<void> {
    await this.jobs.stopAllJobs({}, { timeoutMs: 20_000 }).catch(() => undefined);
    for (const { name } of (await this.jobs.listJobs({}).catch(() => ({ jobs: [] }))).jobs) {
      await this.jobs.deleteJob({ name }).catch(() => undefined);
    }
    await this.kill("SIGTERM");
    await rm(this.root, { recursive: true, force: true });
  }

  async create(name: string, script: string, config: ConfigInit = {}) {
    await this.jobs.createJob({
      name,
      config: {
        jobType: { kind: { case: "runSh" as const, value: script } },
        restart: { policy: { case: "never" as const, value: {} } },
        ...config,
      },
    });
  }

  async run(name: string, script: string, config: ConfigInit = {}) {
    await this.create(name, script, config);
    await this.jobs.startJob({ name });
  }

  async info(name: string): Promise<JobInfo> {
    return (await this.jobs.getJob({ name })).job!;
  }

  /** Waits until a job is in a state, and returns it. */
  async reaches(name: string, accept: (job: JobInfo) => boolean, what = "the expected state"): Promise<JobInfo> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), 30_000);
    try {
      for await (const { changed } of this.jobs.watchJobs({}, { signal: end.signal })) {
        const job = changed.find((each) => each.name === name);
        if (job !== undefined && accept(job)) return job;
      }
    } catch (error) {
      if (!end.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      end.abort();
    }
    const last = await this.info(name).catch(() => undefined);
    throw new Error(`job '${name}' did not reach ${what}: ${JSON.stringify(last?.status)} ${last?.logs.join("; ")}`);
  }

  finished(name: string): Promise<JobInfo> {
    return this.reaches(name, (job) => job.status?.status.case === "finished", "finished");
  }
  running(name: string): Promise<JobInfo> {
    return this.reaches(name, (job) => statusOf(job) === "running" && (job.run?.pid ?? 0) > 0, "running");
  }

  /** Everything a job has printed, as lines. */
  async log(name: string, run?: number): Promise<readonly string[]> {
    const lines: string[] = [];
    const request = { names: [name], tailLines: 100_000, ...(run === undefined ? {} : { run: BigInt(run) }) };
    for await (const batch of this.jobs.readJobLogs(request)) {
      lines.push(...batch.lines.map((line) => Buffer.from(line.text).toString("utf8")));
    }
    return lines;
  }
}

/** `finished(3)`, `finished(null)`, `running`, `backoff`, … */
export function statusOf(job: JobInfo): string {
  const status = job.status?.status;
  if (status?.case === "finished") return `finished(${status.value.exitCode ?? null})`;
  if (status?.case === "running" && status.value.restartAt !== undefined) return "backoff";
  return status?.case ?? "none";
}

export async function until(check: () => Promise<boolean> | boolean, what: string, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`timeout: ${what}`);
    await delay(20);
  }
}
