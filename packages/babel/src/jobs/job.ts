import type { ChildProcess } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  afterRun,
  dependenciesOf,
  describeOutcome,
  NO_ATTEMPTS,
  type Outcome,
  type Readiness,
  type Standing,
} from "@blockvisor/jobs";
import { messageOf } from "../errno.ts";
import { replaceFile } from "../files/durable.ts";
import { cutOf, pruneLog } from "../logs/space.ts";
import { monotonicMs } from "../process/identity.ts";
import { killRun } from "../process/run-processes.ts";
import { activation, mayBeRepeated, settleActivation } from "./activation.ts";
import { type JobConfig, shutdownSignal, shutdownTimeoutMs } from "./config.ts";
import { configText } from "./config-file.ts";
import { Events } from "./events.ts";
import { limitsFile } from "./limits.ts";
import { forgetOneTime, STARTED_NOT_FINISHED, saveOneTime } from "./one-time.ts";
import { endOf, outcomeOf } from "./outcome.ts";
import { endForgotten, endLeftovers, hasLeftovers, newRun, numberOf, prepareFolder } from "./preparation.ts";
import { programOf } from "./program.ts";
import { ProgressFile } from "./progress.ts";
import { ReadyWatch } from "./ready-check.ts";
import { type JobRecord, type JobState, type RunRecord, type StopIntent, saveRecord } from "./record.ts";
import { jobActive, notEnded, notOneTime } from "./refusals.ts";
import * as runs from "./run.ts";
import { Serial } from "./serial.ts";
import type { Surroundings } from "./surroundings.ts";

const RETRY_MS = 5_000;
const NEW: JobRecord = { version: 1, state: { kind: "stopped" }, changedAt: 0, runs: 0, attempts: NO_ATTEMPTS };

/**
 * One job: what it should do, what it does, and the run that does it. All changes go through one queue; each is on disk before
 * it counts, so a babel that is killed anywhere finds its way back in `recover`.
 */
export class Job {
  readonly name: string;
  readonly folder: string;
  readonly events: Events;
  readonly progress: ProgressFile;
  readonly #around: Surroundings;
  readonly #serial = new Serial();
  readonly #abandoned = new AbortController();
  readonly #readyWatch = new ReadyWatch();
  #config: JobConfig;
  #record: JobRecord;
  #ended: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(name: string, config: JobConfig, record: JobRecord, events: Events, around: Surroundings) {
    this.name = name;
    this.folder = join(around.paths.jobs, name);
    this.progress = new ProgressFile(join(this.folder, "progress.json"));
    this.events = events;
    this.#config = config;
    this.#record = record;
    this.#around = around;
  }

  /** A new job, or a new config for the folder of an old one: status, progress and limits of that are dropped. (D3-16) */
  static async create(
    name: string,
    config: JobConfig,
    previous: JobRecord | undefined,
    around: Surroundings,
  ): Promise<Job> {
    const folder = join(around.paths.jobs, name);
    await mkdir(join(folder, "log"), { recursive: true });
    const events = await Events.load(join(folder, "events.jsonl"), around.boot);
    if (previous === undefined) await endForgotten(folder, config, around.boot);
    const job = new Job(name, config, { ...NEW, runs: await numberOf(previous, folder) }, events, around);
    for (const stale of [join(folder, "progress.json"), limitsFile(folder)]) await rm(stale, { force: true });
    await job.#save({ state: { kind: "stopped" } }, true);
    await replaceFile(join(folder, "config.json"), configText(config), { mode: 0o600 });
    return job;
  }

  /** A job found on disk; call `recover` next. */
  static async load(
    name: string,
    config: JobConfig,
    record: JobRecord | undefined,
    around: Surroundings,
  ): Promise<Job> {
    const folder = join(around.paths.jobs, name);
    const events = await Events.load(join(folder, "events.jsonl"), around.boot);
    const state: JobState = { kind: "pending", waitingFor: [] };
    const known = record ?? { ...NEW, state, changedAt: Date.now() };
    return new Job(name, config, { ...known, runs: await numberOf(record, folder) }, events, around);
  }

  get config(): JobConfig {
    return this.#config;
  }
  get record(): JobRecord {
    return this.#record;
  }
  get active(): boolean {
    return this.#record.state.kind !== "stopped" && this.#record.state.kind !== "finished";
  }
  /** It runs, or will again after a pause. */
  get attempting(): boolean {
    return this.#record.state.kind === "running" || this.#record.state.kind === "backoff";
  }
  /** It wants to run, and did not because of a job that it needs. */
  get blocked(): boolean {
    return this.#record.blocked === true;
  }
  /** Undefined: there is no telling, for it has no check. */
  get ready(): boolean | undefined {
    const { state } = this.#record;
    if (this.#config.ready_check === undefined) return undefined;
    return state.kind === "running" && this.#readyWatch.isReady(state.run.number);
  }
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  standing(): Standing {
    const { state } = this.#record;
    if (state.kind === "finished" || state.kind === "stopped") return state;
    return { kind: this.ready && !this.stopping ? "ready" : "active" };
  }

  /** Time a stop may take, in milliseconds; 0 when there is nothing to wait for. */
  stopTimeoutMs(): number {
    const { state, lastRun } = this.#record;
    const busy = state.kind === "running" || hasLeftovers(lastRun, this.folder, this.#around.boot);
    return busy ? shutdownTimeoutMs(this.#config) : 0;
  }

  /** Asks for the job to run as soon as its dependencies allow. */
  async start(): Promise<void> {
    await this.#stopping;
    await this.#serial.run(async () => {
      if (this.active) return;
      const waitingFor = dependenciesOf(this.#config).map((dependency) => dependency.name);
      await this.#save({ state: { kind: "pending", waitingFor }, attempts: NO_ATTEMPTS, lastFailure: undefined }, true);
    });
  }

  /** Applies what its dependencies say to a pending job; they are asked when it is this job's turn. */
  advance(readinessNow: () => Readiness | undefined): Promise<void> {
    return this.#serial.run(async () => {
      const { state } = this.#record;
      const readiness = readinessNow();
      if (state.kind !== "pending" || readiness === undefined) return;
      if (readiness.kind === "ready") return this.#activate();
      if (readiness.kind === "blocked") return this.#finish(null, readiness.message, { blocked: true });
      if (state.waitingFor.join() === readiness.for.join()) return;
      await this.#save({ state: { kind: "pending", waitingFor: readiness.for } }, false);
    });
  }

  /**
   * Stops the job: `stop` makes it stopped, `skip` finished with 0, `shutdown` pending for the next start of the node. What has
   * finished stays finished (D3-14), except that `skip` may turn a failure into a success.
   *
   * @throws job-stop-timeout when processes survive SIGKILL; with `force` they are left behind instead
   */
  stop(intent: StopIntent, force = false): Promise<void> {
    if (this.#stopping !== undefined) return this.#stopping;
    const stopping = this.#stop(intent, force).finally(() => {
      this.#stopping = undefined;
      this.#around.changed(this.name);
    });
    this.#stopping = stopping;
    this.#around.changed(this.name);
    return stopping;
  }

  async #stop(intent: StopIntent, force: boolean): Promise<void> {
    const run = await this.#serial.run(async () => {
      const { state } = this.#record;
      if (state.kind === "running") {
        await this.#save({ intent }, true);
        return state.run;
      }
      clearTimeout(this.#timer);
      if (state.kind === "finished" || state.kind === "stopped") {
        if (intent === "skip") await this.#skip();
        else if (intent === "stop" && this.blocked) await this.#save({ blocked: undefined }, true);
      } else await this.#conclude(intent);
      return undefined;
    });
    if (run === undefined) return endLeftovers(this.#record.lastRun, this.#config, this.folder, this.#around.boot);
    await this.#endRun(run, force);
  }

  async #endRun(run: RunRecord, force: boolean): Promise<void> {
    const ending = { signal: shutdownSignal(this.#config), patienceMs: shutdownTimeoutMs(this.#config) };
    const folder = runs.runFolder(this.folder, run.number);
    const left = await runs.endSupervised(folder, run.id, ending, this.#ended);
    if (left.length > 0 && !force) throw notEnded(this.name, left);
    await this.#serial.run(async () => {
      if (this.#record.state.kind === "running") await this.#conclude(this.#record.intent ?? "stop");
    });
  }

  /** Finds out what became of the job while nobody watched, and goes on from there. */
  recover(): Promise<void> {
    const task = async (): Promise<void> => {
      const { state, intent } = this.#record;
      if (state.kind === "running") return this.#recoverRun(state.run);
      if (state.kind !== "backoff") return;
      if (state.boot === this.#around.boot) this.#restartAt(state.dueMonotonicMs);
      else await this.#conclude(intent ?? "shutdown");
    };
    return this.#serial.run(task).catch((error: unknown) => this.#retryLater(error, () => void this.recover()));
  }

  async #recoverRun(run: RunRecord): Promise<void> {
    const folder = runs.runFolder(this.folder, run.number);
    const { intent } = this.#record;
    if (run.boot === this.#around.boot) {
      const neverBegan = await runs.callOff(folder);
      if (neverBegan) return intent === undefined ? this.#launchAgain() : this.#conclude(intent);
      this.#watch(run, undefined);
      if (intent !== undefined) void this.stop(intent).catch(() => undefined);
      return;
    }
    // Another run of the container: its processes are gone. What had ended by itself before still counts.
    if (intent !== undefined) return this.#conclude(intent);
    const result = await runs.readExit(folder);
    if (result !== undefined) return this.#handleEnd(run, result);
    if (this.#config.one_time !== true || mayBeRepeated(this.#config)) return this.#conclude("shutdown");
    await this.#finish(STARTED_NOT_FINISHED.exitCode, STARTED_NOT_FINISHED.message);
  }

  /** Lets go of the job without touching its processes; another babel will take over. */
  abandon(): void {
    this.#readyWatch.end();
    clearTimeout(this.#timer);
    this.#abandoned.abort();
  }

  /** Ends everything of the job and removes its folder. */
  async remove(): Promise<void> {
    await this.stop("stop", true);
    await this.#serial.run(async () => {
      this.abandon();
      await endLeftovers(this.#record.lastRun, this.#config, this.folder, this.#around.boot);
      // Without it nothing of a folder that is half removed is taken for a job.
      await rm(join(this.folder, "config.json"), { force: true });
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  /** Forgets the one run of a one-time job, so that the next start runs it again. (plugin-api §4) */
  reset(): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#config.one_time !== true) throw notOneTime(this.name);
      if (this.active || this.stopping) throw jobActive("reset", this.name);
      await forgetOneTime(join(this.#around.protocolData.folder, this.name));
      if (!this.blocked) await this.#save({ state: { kind: "stopped" }, lastFailure: undefined }, true);
    });
  }

  /**
   * Dependencies are met right now: the job counts as running from this moment, so that nothing it depends on can change in
   * between. Then comes what has to be true before the first run of this start, then the run.
   */
  async #activate(): Promise<void> {
    const before = this.#record;
    const run = this.#begin();
    try {
      const verdict = await activation(this.name, this.#config, this.#around);
      if (verdict.kind === "run") return await this.#launch(run, before.lastRun);
      this.#record = { ...before, state: this.#record.state };
      await this.#finish(verdict.exitCode, verdict.message);
    } catch (error) {
      // The disk is full, or worse; pending again, until it works. The number of the run is used up.
      this.#record = { ...before, runs: run.number };
      this.#retryLater(error, () => this.#around.changed(this.name));
    }
  }

  #begin(): RunRecord {
    const run = newRun(this.#record.runs + 1, this.#around.boot);
    const state: JobState = { kind: "running", run };
    this.#record = { ...this.#record, state, runs: run.number, lastRun: run, changedAt: run.startedAt };
    this.#around.changed(this.name);
    return run;
  }

  async #launchAgain(): Promise<void> {
    const before = this.#record;
    const run = this.#begin();
    try {
      await this.#launch(run, before.lastRun);
    } catch (error) {
      this.#record = { ...before, runs: run.number };
      throw error;
    }
  }

  /** On disk before the shim starts: a babel that finds the record knows what to look for. */
  async #launch(run: RunRecord, previous: RunRecord | undefined): Promise<void> {
    await endLeftovers(previous, this.#config, this.folder, this.#around.boot);
    const program = await programOf(this.name, this.#config, this.#around);
    if (program.kind === "impossible") return this.#finish(null, program.reason);
    await prepareFolder(this.folder, this.#config, this.#around.paths.root);
    await this.#save({ intent: undefined }, false);
    try {
      const child = await runs.launch({
        busybox: this.#around.toolbox.busybox,
        shim: this.#around.toolbox.shim,
        jobFolder: this.folder,
        number: run.number,
        runId: run.id,
        command: program.command,
        env: this.#around.environment(),
        cut: cutOf(this.#config, this.#around.logLimits()),
        timestamps: this.#config.log_timestamp === true,
      });
      this.#watch(run, child);
    } catch (error) {
      await runs.callOff(runs.runFolder(this.folder, run.number));
      await this.#finish(null, `failed to start job '${this.name}': ${messageOf(error)}`);
    }
  }

  #watch(run: RunRecord, child: ChildProcess | undefined): void {
    const folder = runs.runFolder(this.folder, run.number);
    const noticed = () => this.#around.changed(this.name);
    void runs.markOf(folder, run.id).then(noticed, noticed);
    const { ready_check: check, run_as: user } = this.#config;
    if (check) this.#readyWatch.begin(run.number, (cut) => this.#around.isReady(check, user, cut), noticed);
    this.#ended = this.#resultOf(folder, child).then((result) => {
      this.#readyWatch.end();
      return this.#persistently(() => this.#handleEnd(run, result));
    });
  }

  async #resultOf(folder: string, child: ChildProcess | undefined): Promise<runs.RunResult> {
    try {
      return await runs.runEnd(folder, child, this.#abandoned.signal);
    } catch (error) {
      await new Promise<void>((resolve) => this.#retryLater(error, resolve));
      return this.#resultOf(folder, child);
    }
  }

  /** Until it works: what has happened has to be taken up, also when the disk was full at first. */
  async #persistently(task: () => Promise<void>): Promise<void> {
    try {
      await this.#serial.run(task);
    } catch (error) {
      await new Promise<void>((resolve) => this.#retryLater(error, resolve));
      if (!this.#abandoned.signal.aborted) await this.#persistently(task);
    }
  }

  #retryLater(error: unknown, retry: () => void): void {
    this.#around.report(`job '${this.name}' cannot go on, tries again in ${RETRY_MS} ms: ${messageOf(error)}`);
    setTimeout(retry, RETRY_MS).unref();
  }

  async #handleEnd(run: RunRecord, result: runs.RunResult): Promise<void> {
    const { state, intent } = this.#record;
    if (this.#abandoned.signal.aborted || state.kind !== "running" || state.run.number !== run.number) return;
    if (result.kind !== "lost") await runs.settled(runs.runFolder(this.folder, run.number));
    const outcome = await outcomeOf(run, result, this.#config, this.folder);
    this.#record = { ...this.#record, lastRun: { ...run, end: endOf(outcome) } };
    if (intent !== undefined) {
      // A stop that is under way ends what is left of the run, and then decides; one that failed has given up waiting.
      if (!this.stopping) await this.#conclude(intent);
      return;
    }
    if (outcome.kind === "lost") await killRun(await runs.markOf(runs.runFolder(this.folder, run.number), run.id));
    await this.#decide(outcome, result.kind === "lost" ? monotonicMs() - run.startedMonotonicMs : result.ranMs);
    void pruneLog(this).catch(() => undefined);
  }

  async #decide(outcome: Outcome, ranMs: number): Promise<void> {
    const { attempts } = this.#record;
    const decision = afterRun(this.name, this.#config.restart, outcome, ranMs, attempts, this.#around.random());
    const failure = describeOutcome(this.name, outcome);
    const failed = outcome.kind !== "exited" || outcome.code !== 0;
    if (decision.kind === "finish") {
      if (failed) await this.events.add("note", failure);
      const end = await settleActivation(this.name, this.#config, decision, this.folder, this.#around);
      await this.#finish(end.exitCode, end.message, failed ? { lastFailure: failure } : {});
      return;
    }
    const when = decision.waitMs === 0 ? "immediately" : `in ${decision.waitMs} ms`;
    await this.events.add(outcome.kind === "lost" ? "loss" : "restart", `${failure}; restarts ${when}`);
    const due = monotonicMs() + decision.waitMs;
    const change = {
      attempts: { attempt: decision.attempt, losses: decision.losses },
      ...(failed ? { lastFailure: failure } : {}),
    };
    await this.#save({ state: { kind: "backoff", dueMonotonicMs: due, boot: this.#around.boot }, ...change }, false);
    this.#restartAt(due);
  }

  #restartAt(dueMonotonicMs: number): void {
    clearTimeout(this.#timer);
    const restart = async (): Promise<void> => {
      if (this.#record.state.kind === "backoff" && !this.#abandoned.signal.aborted) await this.#launchAgain();
    };
    const wait = Math.max(0, Math.min(dueMonotonicMs - monotonicMs(), 2 ** 31 - 1));
    this.#timer = setTimeout(() => void this.#persistently(restart), wait);
  }

  /** What a stop leaves behind. */
  async #conclude(intent: StopIntent): Promise<void> {
    if (intent === "skip") return this.#skip();
    const waitingFor = dependenciesOf(this.#config).map((dependency) => dependency.name);
    const state: JobState = intent === "stop" ? { kind: "stopped" } : { kind: "pending", waitingFor };
    await this.#save({ state, intent: undefined, attempts: NO_ATTEMPTS }, true);
  }

  /** What happens once in the node's life has happened then. (§3.8) */
  async #skip(): Promise<void> {
    const skipped = { exitCode: 0, message: "Skipped" };
    if (this.#config.one_time === true) {
      await saveOneTime(join(this.#around.protocolData.folder, this.name), skipped);
    }
    await this.#finish(skipped.exitCode, skipped.message);
  }

  async #finish(
    exitCode: number | null,
    message: string,
    { lastFailure, blocked }: Pick<JobRecord, "lastFailure" | "blocked"> = {},
  ): Promise<void> {
    const failure = lastFailure ?? (exitCode === 0 ? undefined : message);
    if (lastFailure === undefined && failure !== undefined) await this.events.add("note", failure);
    const state: JobState = { kind: "finished", exitCode, message };
    await this.#save({ state, intent: undefined, lastFailure: failure, blocked }, true);
  }

  async #save(change: RecordChange, durable: boolean): Promise<void> {
    const moved = change.state ? { changedAt: Date.now(), blocked: undefined } : {};
    const merged = { ...this.#record, ...moved, ...change };
    const record = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)) as JobRecord;
    await saveRecord(join(this.folder, "status.json"), record, durable);
    this.#record = record;
    this.#around.changed(this.name);
  }
}

/** `undefined` takes a field away. */
type RecordChange = { readonly [K in keyof JobRecord]?: JobRecord[K] | undefined };
