import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  type Dependency,
  defectOf,
  dependenciesOf,
  dependentsAmong,
  longestChain,
  type Readiness,
  readiness,
} from "@blockvisor/jobs";
import { messageOf } from "../errno.ts";
import { exhausted, Failure, internal, notFound, refused } from "../failure.ts";
import { readBoundedSync } from "../files/durable.ts";
import { checkJobConfig, checkJobName, type JobConfig, sameConfig } from "./config.ts";
import { parseConfig } from "./config-file.ts";
import { Job } from "./job.ts";
import { mayHelpAgain, NeededRetries } from "./needed-retries.ts";
import { isUpload } from "./program.ts";
import { loadRecord, type StopIntent } from "./record.ts";
import { SerialByName } from "./serial.ts";
import type { Surroundings } from "./surroundings.ts";

/** Jobs of one node, counting stopped ones. (D3-16) */
const JOB_LIMIT = 64;
const CONFIG_LIMIT = 1024 * 1024;
/** Pause before jobs that could not be read are looked at again. */
const RETRY_MS = 1_000;

export type Change = { readonly changed: readonly string[]; readonly deleted: readonly string[] };

/** All jobs of the node, and the one loop that starts them when their dependencies allow. */
export class Registry {
  readonly #jobs = new Map<string, Job>();
  readonly #around: Surroundings;
  /** What makes and removes a job; that of another one does not wait for it. (D3-17) */
  readonly #definitions = new SerialByName();
  /** Names of jobs that are being made, and are not among the jobs yet. */
  readonly #made = new Set<string>();
  /** By name, until the job is the new one. */
  readonly #replacing = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(change: Change) => void>();
  /** Started by force. */
  readonly #forced = new Set<string>();
  #open = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #retries: NeededRetries;
  readonly #advancing = new Map<Job, { readonly again: boolean }>();

  constructor(around: Omit<Surroundings, "changed">) {
    this.#around = { ...around, changed: (name) => this.#changed(name) };
    this.#retries = new NeededRetries(around.neededRetryMs, (name) =>
      this.start(name).catch((error: unknown) =>
        around.report(`job '${name}' is not started again: ${messageOf(error)}`),
      ),
    );
  }

  /** Takes up all jobs on disk that are not known yet, and begins to start what is pending. (D1-03) */
  async open(): Promise<void> {
    await mkdir(this.#around.paths.jobs, { recursive: true });
    const folders = (await readdir(this.#around.paths.jobs, { withFileTypes: true })).filter((each) =>
      each.isDirectory(),
    );
    const unknown = folders.map(({ name }) => name).filter((name) => !this.#jobs.has(name));
    const allKnown = Promise.withResolvers<void>();
    let loading = unknown.length;
    const takenUp = unknown.map((name) =>
      this.#definitions.run(name, async () => {
        const known = this.#jobs.has(name);
        const job = known ? undefined : await this.#load(name).catch((error: unknown) => this.#retryLater(name, error));
        if (job !== undefined) this.#jobs.set(name, job);
        loading -= 1;
        if (loading === 0) allKnown.resolve();
        // What becomes of a job may depend on others.
        await allKnown.promise;
        await job?.recover();
      }),
    );
    await Promise.all(takenUp);
    this.#open = true;
    this.#settle();
  }

  /** A job that is on disk. Throws when that cannot be told now: the disk fails, or files are all in use. */
  async #load(name: string): Promise<Job | undefined> {
    const folder = join(this.#around.paths.jobs, name);
    const path = join(folder, "config.json");
    const text = readBoundedSync(path, CONFIG_LIMIT);
    // Without a config, its creation was never acknowledged, or its deletion did not finish.
    if (text === undefined) return undefined;
    let config: JobConfig;
    try {
      checkJobName(name);
      config = parseConfig(text.toString("utf8"));
      checkJobConfig(name, config);
    } catch (error) {
      this.#around.report(`invalid config of job '${name}', set aside as ${path}.invalid: ${messageOf(error)}`);
      await rename(path, `${path}.invalid`);
      return undefined;
    }
    return Job.load(name, config, await loadRecord(join(folder, "status.json")), this.#around);
  }

  /** Its processes go on meanwhile. */
  #retryLater(name: string, error: unknown): undefined {
    this.#around.report(`job '${name}' cannot be read, tries again in ${RETRY_MS} ms: ${messageOf(error)}`);
    clearTimeout(this.#retry);
    const again = (): void => {
      if (!this.#open) return;
      this.open().catch((failure: unknown) => this.#retryLater(name, failure));
    };
    this.#retry = setTimeout(again, RETRY_MS);
    this.#retry.unref();
  }

  list(): readonly Job[] {
    return [...this.#jobs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Job | undefined {
    return this.#jobs.get(name);
  }

  get(name: string, what = "unknown status"): Job {
    const job = this.#jobs.get(name);
    if (job === undefined) throw notFound("job-not-found", `${what}, job '${name}' not found`);
    return job;
  }

  /** Creates or replaces a job; with the config it already has, it is left alone, running or not. (D3-16) */
  async create(name: string, config: JobConfig): Promise<void> {
    const replacing = this.#create(name, config);
    this.#replacing.set(name, replacing);
    try {
      await replacing;
    } finally {
      if (this.#replacing.get(name) === replacing) this.#replacing.delete(name);
    }
  }

  async #create(name: string, config: JobConfig): Promise<void> {
    checkJobName(name);
    checkJobConfig(name, config);
    await this.#definitions.run(name, async () => {
      const previous = this.#jobs.get(name) ?? (await this.#takeUp(name));
      if (previous?.active && sameConfig(previous.config, config)) return;
      if (previous === undefined) {
        if (this.#jobs.size + this.#made.size >= JOB_LIMIT) {
          throw exhausted("job-limit-exceeded", `Exceeded max number of supported jobs: ${JOB_LIMIT}`);
        }
        this.#made.add(name);
      }
      try {
        await previous?.stop("stop");
        const job = await Job.create(name, config, previous?.record, this.#around);
        previous?.abandon();
        this.#jobs.set(name, job);
      } finally {
        this.#made.delete(name);
      }
      this.#changed(name);
    });
  }

  /** A job on disk that could not be read before. */
  async #takeUp(name: string): Promise<Job | undefined> {
    const job = await this.#load(name);
    if (job === undefined) return undefined;
    this.#jobs.set(name, job);
    await job.recover();
    return job;
  }

  /** @param force also while an upload reads the protocol data that the job uses; the upload notices */
  async start(name: string, force = false): Promise<void> {
    // What is started now would be the old one, and nobody's a moment later.
    await this.#replacing.get(name)?.catch(() => undefined);
    const job = this.get(name, "can't start");
    const defect = defectOf(name, this.edges);
    if (defect?.kind === "cycle") {
      throw refused("job-dependency-cycle", `dependency cycle: ${defect.path.join(" -> ")}`);
    }
    if (defect?.kind === "unknown") {
      const missing = defect.path.at(-1)!;
      throw refused(
        "job-dependency-unknown",
        `can't start, job '${defect.path.at(-2)}' depends on '${missing}', but it is not defined: ${defect.path.join(" -> ")}`,
        `Create job '${missing}' first.`,
      );
    }
    const upload = force ? undefined : this.#uploadInTheWayOf(job);
    if (upload !== undefined && !job.active) {
      throw refused(
        "protocol-data-uploading",
        `can't start, job '${name}' uses the protocol data, which job '${upload}' is uploading`,
        `Wait until job '${upload}' has finished, or stop it. A start by force makes it read the data again.`,
      );
    }
    if (force) this.#forced.add(name);
    else this.#forced.delete(name);
    await job.start();
    await this.#startBlockedBy(name);
  }

  /** Those that finished only because they need this job, and because they need those: it has been set going, or counts as done. */
  async #startBlockedBy(name: string): Promise<void> {
    for (const job of this.list()) {
      if (!job.blocked || !(job.config.needs ?? []).includes(name)) continue;
      await job.start();
      await this.#startBlockedBy(job.name);
    }
  }

  /** An upload that runs while the job would change what it reads; one that the job waits for anyway is none. (D5-04) */
  #uploadInTheWayOf(job: Job): string | undefined {
    if (job.config.use_protocol_data !== true) return undefined;
    const uploads = this.list().filter((each) => each !== job && isUpload(each.config) && each.attempting);
    return uploads.find((upload) => !this.#waitsFor(job, upload))?.name;
  }

  /** Directly, or through jobs that wait themselves. */
  #waitsFor(job: Job, other: Job): boolean {
    return dependenciesOf(job.config).some(({ name }) => {
      const dependency = this.#jobs.get(name);
      return dependency === other || (dependency?.active === true && this.#waitsFor(dependency, other));
    });
  }

  async stop(name: string, intent: "stop" | "skip"): Promise<void> {
    await this.get(name, "can't stop").stop(intent);
    if (intent === "skip") await this.#startBlockedBy(name);
  }

  /** Stops all jobs, dependents first, as many at once as that allows; goes on after failures and tells all of them. */
  async stopAll(intent: StopIntent = "stop", force = false): Promise<void> {
    if (intent === "shutdown") {
      this.#open = false;
      this.#retries.close();
    }
    const all = this.list();
    // What has not begun yet must not begin while the others stop.
    const wants = (job: Job): boolean => job.active || (intent === "stop" && job.blocked);
    const idle = all.filter((job) => wants(job) && job.record.state.kind !== "running");
    const failures: Failure[] = [];
    const note = (error: unknown): void => {
      failures.push(error instanceof Failure ? error : internal("job-stop-failed", messageOf(error)));
    };
    await Promise.all(idle.map((job) => job.stop(intent, force).catch(note)));
    const names = all.filter((job) => job.active && !(intent === "shutdown" && job.record.state.kind === "pending"));
    await this.#stopInOrder(
      names.map((job) => job.name),
      (job) => job.stop(intent, force).catch(note),
    );
    if (failures.length === 1) throw failures[0]!;
    if (failures.length > 1) {
      const text = failures.map((failure) => failure.message).join("; ");
      throw internal("job-stop-failed", `${failures.length} jobs did not stop: ${text}`);
    }
  }

  async #stopInOrder(names: readonly string[], stop: (job: Job) => Promise<void>): Promise<void> {
    const dependents = dependentsAmong(names, this.edges);
    const stopped = new Map<string, Promise<void>>();
    const stopOne = (name: string): Promise<void> => {
      const known = stopped.get(name);
      if (known) return known;
      const job = this.#jobs.get(name);
      const begun = Promise.all([...dependents.get(name)!].map(stopOne)).then(() => job && stop(job));
      stopped.set(name, begun);
      return begun;
    };
    await Promise.all(names.map(stopOne));
  }

  /** Time `stopAll` may take, in milliseconds. (D1-08) */
  stopTimeoutMs(): number {
    const names = [...this.#jobs.values()].filter((job) => job.active).map((job) => job.name);
    return longestChain(names, this.edges, (name) => this.get(name).stopTimeoutMs());
  }

  delete(name: string): Promise<void> {
    return this.#definitions.run(name, async () => {
      await this.get(name, "can't delete").remove();
      this.#jobs.delete(name);
      this.#tell({ changed: [], deleted: [name] });
      this.#settle();
    });
  }

  /** Deletes all jobs that are not named; returns those. */
  async retain(names: readonly string[]): Promise<readonly string[]> {
    const superfluous = this.list()
      .map((job) => job.name)
      .filter((name) => !names.includes(name));
    await this.#stopInOrder(superfluous, (job) => job.stop("stop", true));
    for (const name of superfluous) await this.delete(name);
    return superfluous;
  }

  /** Dependencies of a job, for the graph functions. */
  readonly edges = (name: string): readonly Dependency[] | undefined => {
    const job = this.#jobs.get(name);
    return job && dependenciesOf(job.config);
  };

  /** Calls back on every change, until the returned function is called. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Leaves all processes alone and stops watching them. */
  abandon(): void {
    this.#open = false;
    clearTimeout(this.#retry);
    this.#retries.close();
    for (const job of this.#jobs.values()) job.abandon();
  }

  /**
   * Lets pending jobs go on. Each change of any job comes here again, until nothing changes any more: it may unblock, or fail,
   * others. (D3-11)
   */
  #settle(): void {
    if (!this.#open) return;
    for (const job of this.#jobs.values()) if (job.record.state.kind === "pending") void this.#advance(job);
    this.#retries.update(this.#inTheWay(), (name, waitMs) => {
      void this.find(name)?.events.add("note", `other jobs need '${name}', which failed; starts again in ${waitMs} ms`);
    });
  }

  /** Failed jobs because of which others do not run. */
  #inTheWay(): ReadonlySet<string> {
    const needed = [...this.#jobs.values()].flatMap((job) => (job.blocked ? (job.config.needs ?? []) : []));
    return new Set(
      needed.filter((name) => {
        const job = this.#jobs.get(name);
        return job !== undefined && mayHelpAgain(job);
      }),
    );
  }

  /** One at a time per job; a wish that comes meanwhile is looked at afterwards. */
  async #advance(job: Job): Promise<void> {
    const busy = this.#advancing.has(job);
    this.#advancing.set(job, { again: busy });
    if (busy) return;
    const standingOf = (name: string) => this.#jobs.get(name)?.standing();
    const ready = (): Readiness | undefined => {
      if (!this.#open) return undefined;
      const verdict = readiness(job.name, dependenciesOf(job.config), standingOf);
      const upload = verdict.kind === "ready" && !this.#forced.has(job.name) && this.#uploadInTheWayOf(job);
      return upload ? { kind: "waiting", for: [upload] } : verdict;
    };
    try {
      do {
        this.#advancing.set(job, { again: false });
        await job.advance(ready);
      } while (this.#advancing.get(job)?.again);
    } catch (error) {
      this.#around.report(`job '${job.name}' could not go on: ${messageOf(error)}`);
    } finally {
      this.#advancing.delete(job);
    }
  }

  #changed(name: string): void {
    const state = this.#jobs.get(name)?.record.state;
    if (state?.kind === "stopped" || (state?.kind === "finished" && state.exitCode === 0)) this.#retries.forget(name);
    this.#tell({ changed: [name], deleted: [] });
    this.#settle();
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
