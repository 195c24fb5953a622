import {
  afterRun,
  blocksUpgrade,
  defectOf,
  dependenciesOf,
  describeOutcome,
  NO_ATTEMPTS,
  type Outcome,
  readiness,
  type Standing,
} from "@blockvisor/jobs";
import { isActive, type JobConfig, type JobInfo, type JobStatus, type JobsInfo } from "../engine/job.ts";
import { HostFailure } from "./host-failure.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface Job {
  config: JobConfig;
  status: JobStatus;
  /** Epoch milliseconds of the start, or of the last change. */
  since: number;
  attempt: number;
  restarts: number;
  /** It finished only because a job that it needs failed. */
  blocked: boolean;
  /** When it starts again by itself. */
  restartAt: number | undefined;
}

/** In the middle of the spread that keeps nodes apart: the wait is exact. */
const NO_SPREAD = 0.5;

/** More rounds mean jobs that set each other going for ever. */
const MOST_ROUNDS = 1_000;

/** The jobs of a node that has no processes: they start when the rules of the agent let them, and end when the test says so. */
export class JobBoard {
  readonly #jobs = new Map<string, Job>();
  readonly #clock: VirtualClock;
  readonly #onStart: (name: string, config: JobConfig) => void;
  readonly #doneOnce = new Set<string>();
  /** Names in the order in which jobs started, every run. */
  readonly order: string[] = [];

  constructor(clock: VirtualClock, onStart: (name: string, config: JobConfig) => void) {
    this.#clock = clock;
    this.#onStart = onStart;
  }

  get names(): readonly string[] {
    return [...this.#jobs.keys()];
  }

  create(name: string, config: JobConfig): void {
    if (isActive(this.#jobs.get(name)?.status))
      throw new HostFailure(`can't create active job '${name}'`, "job_active");
    this.#jobs.delete(name);
    const since = this.#clock.now;
    this.#jobs.set(name, {
      config,
      status: "stopped",
      since,
      attempt: 0,
      restarts: 0,
      blocked: false,
      restartAt: undefined,
    });
  }

  start(name: string): void {
    const job = this.#find(name, "can't start");
    if (isActive(job.status)) return;
    this.#requireSound(name);
    this.#wish(job);
    this.#wakeBlockedBy(name);
    this.settle();
  }

  stop(name: string): void {
    const job = this.#find(name, "can't stop");
    if (isActive(job.status)) this.#become(job, "stopped");
    this.settle();
  }

  stopAll(): void {
    for (const job of this.#jobs.values()) if (isActive(job.status)) this.#become(job, "stopped");
  }

  cleanup(name: string): void {
    const job = this.#find(name, "can't clean up");
    if (isActive(job.status)) throw new HostFailure(`can't clean up active job '${name}'`, "job_active");
  }

  delete(name: string): void {
    this.#jobs.delete(name);
    this.settle();
  }

  config(name: string): JobConfig {
    return this.#find(name).config;
  }

  has(name: string): boolean {
    return this.#jobs.has(name);
  }

  info(name: string): JobInfo {
    const { status, since, restarts, config } = this.#find(name, "unknown status");
    return {
      status,
      timestamp: { secs_since_epoch: Math.floor(since / 1000), nanos_since_epoch: (since % 1000) * 1_000_000 },
      progress: null,
      restart_count: restarts,
      logs: [],
      upgrade_blocking: blocksUpgrade(config.restart),
    };
  }

  /** In words, for messages. */
  stateText(name: string): string {
    return stateText(this.#find(name).status);
  }

  infos(): JobsInfo {
    return Object.fromEntries(this.names.map((name) => [name, this.info(name)]));
  }

  /** A run of the job ends with `exitCode`. Error: it does not run. */
  end(name: string, exitCode: number): void {
    const job = this.#find(name);
    if (job.status !== "running") throw new HostFailure(`job '${name}' does not run (${stateText(job.status)})`);
    const ranMs = this.#clock.now - job.since;
    const attempts = { ...NO_ATTEMPTS, attempt: job.attempt };
    const decision = afterRun(name, job.config.restart, exited(exitCode), ranMs, attempts, NO_SPREAD);
    if (decision.kind === "finish") {
      if (job.config.one_time === true) this.#doneOnce.add(name);
      this.#become(job, { finished: { exit_code: exitCode, message: decision.message } });
    } else {
      this.#become(job, { pending: { waiting_for: [] } });
      job.attempt = decision.attempt;
      job.restarts += 1;
      job.restartAt = this.#clock.now + decision.waitMs;
    }
    this.settle();
  }

  /** A job that skips its restarts: it has finished, whatever its policy says. */
  finish(name: string, exitCode: number): void {
    const job = this.#find(name);
    if (job.status !== "running") throw new HostFailure(`job '${name}' does not run (${stateText(job.status)})`);
    if (job.config.one_time === true) this.#doneOnce.add(name);
    const message = exitCode === 0 ? "" : describeOutcome(name, exited(exitCode));
    this.#become(job, { finished: { exit_code: exitCode, message } });
    this.settle();
  }

  /** `times` runs end badly in a row; time goes on to each restart. */
  crash(name: string, times: number): void {
    for (let run = 0; run < times; run++) {
      this.end(name, 1);
      const { restartAt, status } = this.#find(name);
      if (!isActive(status)) return;
      if (restartAt !== undefined) this.#clock.advance(Math.max(0, restartAt - this.#clock.now));
      this.settle();
    }
  }

  /** All that can end does, with success unless `exitCodeOf` says otherwise, until nothing but services is left. Error: a job waits for what never comes. */
  runToEnd(exitCodeOf: (name: string) => number = () => 0): void {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const next = this.names.find((name) => {
        const { status, config } = this.#find(name);
        return status === "running" && !isService(config);
      });
      if (next !== undefined) this.finish(next, exitCodeOf(next));
      else if (!this.#advanceToRestart()) break;
    }
    const stuck = this.names.filter(
      (name) => typeof this.#find(name).status === "object" && isActive(this.#find(name).status),
    );
    if (stuck.length === 0) return;
    const reasons = stuck.map((name) => `'${name}' ${stateText(this.#find(name).status)}`);
    throw new HostFailure(`jobs that can never start: ${reasons.join(", ")}`);
  }

  /** Lets everything start, or fail, that the rules allow at this time. */
  settle(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const [name, job] of this.#jobs) if (this.#advance(name, job)) changed = true;
    }
  }

  #advance(name: string, job: Job): boolean {
    if (typeof job.status !== "object" || !("pending" in job.status)) return false;
    if (job.restartAt !== undefined && job.restartAt > this.#clock.now) return false;
    const state = readiness(name, dependenciesOf(job.config), (on) => this.#standing(on));
    if (state.kind === "waiting") {
      job.status = { pending: { waiting_for: state.for } };
      return false;
    }
    if (state.kind === "blocked") {
      this.#become(job, { finished: { exit_code: null, message: state.message } });
      job.blocked = true;
      return true;
    }
    if (job.config.one_time === true && this.#doneOnce.has(name)) {
      this.#become(job, { finished: { exit_code: 0, message: "" } });
      return true;
    }
    this.#become(job, "running");
    this.order.push(name);
    this.#onStart(name, job.config);
    return true;
  }

  #advanceToRestart(): boolean {
    const times = [...this.#jobs.values()].flatMap(({ status, restartAt }) =>
      isActive(status) && restartAt !== undefined && restartAt > this.#clock.now ? [restartAt] : [],
    );
    if (times.length === 0) return false;
    this.#clock.set(Math.min(...times));
    this.settle();
    return true;
  }

  #standing(name: string): Standing | undefined {
    const job = this.#jobs.get(name);
    if (job === undefined) return undefined;
    const { status, config } = job;
    if (status === "stopped") return { kind: "stopped" };
    // What a test has no process for counts as ready once it runs.
    if (status === "running") return config.ready_check === undefined ? { kind: "active" } : { kind: "ready" };
    if ("pending" in status) return { kind: "active" };
    return { kind: "finished", exitCode: status.finished.exit_code, message: status.finished.message };
  }

  #wakeBlockedBy(name: string): void {
    for (const [other, job] of this.#jobs) {
      if (!job.blocked || !(job.config.needs ?? []).includes(name)) continue;
      this.#wish(job);
      this.#wakeBlockedBy(other);
    }
  }

  #wish(job: Job): void {
    this.#become(job, { pending: { waiting_for: [] } });
    job.attempt = 0;
  }

  #become(job: Job, status: JobStatus): void {
    job.status = status;
    job.since = this.#clock.now;
    job.blocked = false;
    job.restartAt = undefined;
  }

  #find(name: string, what = "unknown"): Job {
    const job = this.#jobs.get(name);
    if (job) return job;
    throw new HostFailure(`${what}, job '${name}' not found`, "job_not_found");
  }

  /** A job cannot start while one that it depends on is missing, or depends on it. */
  #requireSound(name: string): void {
    const defect = defectOf(name, (each) => {
      const job = this.#jobs.get(each);
      return job && dependenciesOf(job.config);
    });
    if (defect === undefined) return;
    const shown = defect.path.join(" -> ");
    if (defect.kind === "cycle") throw new HostFailure(`can't start, jobs depend on each other: ${shown}`);
    const [dependent, missing] = defect.path.slice(-2);
    throw new HostFailure(`can't start, job '${dependent}' depends on '${missing}', but it is not defined: ${shown}`);
  }
}

const exited = (code: number): Outcome => ({ kind: "exited", code, message: "" });

/** It is to run for ever: a run of a test does not wait for its end. */
function isService({ restart }: JobConfig): boolean {
  return typeof restart === "object" && "always" in restart;
}

/** In words, for messages. */
function stateText(status: JobStatus): string {
  if (typeof status === "string") return status;
  if ("pending" in status) {
    const { waiting_for: waiting } = status.pending;
    return waiting.length === 0 ? "pending" : `waits for ${waiting.map((name) => `'${name}'`).join(", ")}`;
  }
  const { exit_code: code, message } = status.finished;
  return `finished with ${code ?? "no exit code"}${message === "" ? "" : ` (${message})`}`;
}

/** `pending`, `running`, `finished` or `stopped`. */
export function stateName(status: JobStatus): string {
  return typeof status === "string" ? status : (Object.keys(status)[0] ?? "");
}
