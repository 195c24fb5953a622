import { messageOf } from "./errno.ts";
import { internal, refused } from "./failure.ts";
import { replaceForThisBoot } from "./files/durable.ts";
import { HttpClient } from "./http/request.ts";
import { isReady } from "./jobs/ready-check.ts";
import { Registry } from "./jobs/registry.ts";
import { Serial } from "./jobs/serial.ts";
import { type LogLimits, logLimits, pruneNodeLogs } from "./logs/space.ts";
import { inRoot, type Paths, type Toolbox } from "./paths.ts";
import { currentBoot } from "./process/identity.ts";
import { takeOver } from "./process/sole.ts";
import { ProtocolData } from "./protocol-data/state.ts";
import { type Conf, loadConf, type Setup, saveConf } from "./setup/conf.ts";
import { firstSetup, firstSetupDone } from "./setup/first-setup.ts";
import { installHelper } from "./setup/helper.ts";
import { environmentFile, type NodeEnv, payloadEnvironment } from "./setup/node-env.ts";
import { runPostSetup } from "./setup/post-setup.ts";
import { mountRamdisks } from "./setup/ramdisks.ts";
import { Shell } from "./shell/run-sh.ts";

export type AgentOptions = {
  readonly paths: Paths;
  readonly toolbox: Toolbox;
  readonly version: string;
  /** Program of an archive job, up to the job's name. */
  readonly archiveCommand: readonly string[];
  /** Messages for the host's log. */
  readonly report: (message: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** Longer than it takes somebody who works on the node to see why it failed. */
const NEEDED_RETRY_MS = 60_000;
/** A host that died meanwhile puts no file there; the next one calls. */
const FIRST_SETUP_PATIENCE_MS = 2_000;

export type AgentState = "not-ready" | "ready" | "shutdown";

const HOUSEKEEPING_MS = 60_000;

/** The agent itself: what Setup gave it, and everything that depends on that. */
export class Agent {
  readonly paths: Paths;
  readonly version: string;
  readonly boot: string;
  readonly http = new HttpClient();
  readonly shell: Shell;
  readonly jobs: Registry;
  readonly #options: AgentOptions;
  readonly #setups = new Serial();
  #conf: Conf | undefined;
  #protocolData: ProtocolData;
  #state: AgentState = "not-ready";
  #housekeeping: NodeJS.Timeout;

  private constructor(options: AgentOptions, boot: string) {
    this.#options = options;
    this.paths = options.paths;
    this.version = options.version;
    this.boot = boot;
    this.shell = new Shell(options.toolbox, options.paths.root);
    this.#protocolData = new ProtocolData(inRoot(options.paths, "/blockjoy"));
    const agent = this;
    // What jobs' checks run takes no turn away from what plugins run.
    const looks = new Shell(options.toolbox, options.paths.root);
    this.jobs = new Registry({
      paths: options.paths,
      toolbox: options.toolbox,
      boot,
      get protocolData() {
        return agent.protocolData;
      },
      environment: () => this.environment,
      archiveCommand: options.archiveCommand,
      isReady: (check, user, cut) =>
        isReady(check, { shell: looks, http: this.http, env: this.environment, user }, cut),
      logLimits: () => this.#logLimits,
      report: options.report,
      random: Math.random,
      neededRetryMs: NEEDED_RETRY_MS,
    });
    this.#housekeeping = setInterval(() => void this.#pruneLogs().catch(() => undefined), HOUSEKEEPING_MS);
    this.#housekeeping.unref();
  }

  /** Ready at once if this container run was set up before, by an earlier babel, or its Setup is there already; else it waits for one. (D1-01) */
  static async start(options: AgentOptions): Promise<Agent> {
    const boot = currentBoot();
    await takeOver(options.paths.pid, boot);
    const agent = new Agent(options, boot);
    const conf = loadConf(options.paths.conf, boot);
    if (conf === undefined) {
      await agent.#setUpFirst();
      return agent;
    }
    agent.#adopt(conf);
    await agent.#installHelper();
    agent.#state = conf.shut_down ? "shutdown" : "ready";
    if (!conf.shut_down) await agent.jobs.open();
    return agent;
  }

  get state(): AgentState {
    return this.#state;
  }
  get secret(): string | undefined {
    return this.#conf?.secret;
  }
  get node(): NodeEnv | undefined {
    return this.#conf?.node_env;
  }
  get protocolData(): ProtocolData {
    return this.#protocolData;
  }
  get environment(): Readonly<Record<string, string>> {
    return payloadEnvironment(this.#options.env, this.#conf?.node_env);
  }

  requireReady(): void {
    if (this.#state === "ready") return;
    const why = this.#state === "shutdown" ? "its jobs were shut down" : "it is not set up yet";
    throw refused("not-ready", `babel is not ready: ${why}`, "Call Setup, or start the node.");
  }

  /** Idempotent; a running node is set up again when its properties change, and its jobs go on. (§1.7) */
  setup(setup: Setup): Promise<void> {
    return this.#setups.run(async () => {
      const conf = { ...setup, boot_id: this.boot };
      await mountRamdisks(setup.ramdisks, this.#options.toolbox.busybox);
      await this.#installHelper();
      this.#writeNodeEnv(setup.node_env);
      this.#save({ ...conf, ...(this.#state === "ready" ? {} : { shut_down: true }) });
      await runPostSetup(this.paths, this.environment);
      await this.jobs.open();
      this.#save(conf);
      // A new limit counts at once; at a start of the node nothing has to be done for it right now.
      if (this.#state === "ready") void this.#pruneLogs().catch(() => undefined);
      this.#state = "ready";
    });
  }

  /** What fails here fails again when the host calls, who is told then. */
  async #setUpFirst(): Promise<void> {
    try {
      const announced = this.#options.env["BABEL_SETUP"] === "file";
      const first = await firstSetup(this.paths, announced ? FIRST_SETUP_PATIENCE_MS : 0);
      if (first === undefined) return;
      await this.setup(first);
      firstSetupDone(this.paths);
    } catch (error) {
      this.#options.report(`the first Setup is left to a call: ${messageOf(error)}`);
    }
  }

  /** Stops all jobs; those that were active start again at the next Setup. (§1.13, D1-02) */
  shutdown(force: boolean): Promise<void> {
    return this.#setups.run(async () => {
      if (this.#conf !== undefined) this.#save({ ...this.#conf, shut_down: true });
      this.#state = "shutdown";
      await this.jobs.stopAll("shutdown", force);
    });
  }

  /** Ends this process's part; jobs go on without it. */
  close(): void {
    clearInterval(this.#housekeeping);
    this.jobs.abandon();
    this.http.close();
  }

  #save(conf: Conf): void {
    try {
      saveConf(this.paths.conf, conf);
    } catch (error) {
      throw internal("setup-config", `failed to save babel config into ${this.paths.conf}: ${messageOf(error)}`);
    }
    this.#adopt(conf);
  }

  /** Jobs can do without it: a root file system that cannot be written to is no reason not to run them. */
  async #installHelper(): Promise<void> {
    await installHelper(this.paths, this.#options.toolbox).catch((error: unknown) => {
      this.#options.report(`/usr/bin/babel cannot be written: ${messageOf(error)}`);
    });
  }

  /** Babel and its jobs do not read it. */
  #writeNodeEnv(nodeEnv: NodeEnv): void {
    try {
      replaceForThisBoot(this.paths.nodeEnv, environmentFile(nodeEnv), 0o600);
    } catch (error) {
      this.#options.report(`${this.paths.nodeEnv} cannot be written: ${messageOf(error)}`);
    }
  }

  #adopt(conf: Conf): void {
    this.#conf = conf;
    this.#protocolData = new ProtocolData(inRoot(this.paths, conf.node_env.data_mount_point));
  }

  get #logLimits(): LogLimits {
    return logLimits(this.#conf ?? {}, this.#options.env);
  }

  #pruneLogs(): Promise<void> {
    return pruneNodeLogs(this.jobs.list(), this.#logLimits.bytes);
  }
}
