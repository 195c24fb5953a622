import { rename } from "node:fs/promises";
import { isOperationError } from "@blockvisor/image/container";
import { CronError, isTimeZone, parseSchedule, type Schedule } from "@blockvisor/plugin";
import { z } from "zod";
import { readVersioned, writeDurable } from "../durable/index.ts";
import { HostError, reportOf } from "../errors/host-error.ts";

const schedule = z.string().refine(parses, "is no schedule");
const seconds = z.number().int().min(0);
const taskSchema = z.object({
  name: z.string(),
  schedule,
  function: z.string(),
  param: z.string(),
  // What `TaskPolicy` says of them.
  timezone: z.string().refine(isTimeZone, "is no time zone").exactOptional(),
  jitter_secs: seconds.exactOptional(),
  timeout_secs: seconds.exactOptional(),
  catch_up: z.boolean().exactOptional(),
});
const lastSchema = z.object({
  /** Epoch milliseconds of its beginning. */
  at: z.number(),
  ms: z.number(),
  /** The beginning of what it returned; null when it failed. */
  result: z.string().nullable(),
  error: z.string().nullable(),
  /** Failures in a row. */
  failures: z.number().int(),
});
const fileSchema = z.object({ tasks: z.array(taskSchema.extend({ last: lastSchema.exactOptional() })) });

export type Task = z.infer<typeof taskSchema>;

/** How a task ran last. */
export type LastRun = z.infer<typeof lastSchema>;

/** A task as it stands. */
export interface ListedTask extends Task {
  readonly next: Date | undefined;
  readonly last: LastRun | undefined;
}

export interface NodeTasksOptions {
  /** Default: the machine's. */
  readonly timeZone?: string | undefined;
  /** A task has failed so often in a row that somebody should know; told once. */
  readonly onFailing?: (task: Task, last: LastRun) => void;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
}

/** Failures in a row that are told. */
const toldFailures = 3;

/** Most characters that are kept of a result or an error. */
const keptCharacters = 500;

/** What did not change is not written more often than this, in milliseconds: a task may run every second. */
const savePeriod = 60_000;

/** Most tasks a node may have: a plugin must not be able to fill the host with timers. */
const maxTasks = 64;

/** Longest timeout of Node's timers, in milliseconds. */
const longestTimeout = 2 ** 31 - 1;

interface Entry {
  readonly task: Task;
  readonly schedule: Schedule;
  timer: NodeJS.Timeout | undefined;
  next: Date | undefined;
  running: boolean;
  last: LastRun | undefined;
  savedAt: number;
}

/**
 * The scheduled tasks of one node, in `<node>/tasks.json`. Every change is durable before it is acknowledged. A task that still runs,
 * or waits for its node, when its time comes again is left out; occurrences missed while the daemon was down are not made up: a task that must have run says so
 * itself, and can be run by hand.
 */
export class NodeTasks {
  readonly #path: string;
  readonly #run: (task: Task) => Promise<string | undefined>;
  readonly #options: NodeTasksOptions;
  readonly #entries = new Map<string, Entry>();
  /** Changes come one after the other: each is made to what the one before it left. */
  #changes: Promise<unknown> = Promise.resolve();
  #armed = false;

  /** `run` is called at the task's time, and resolves with its result; undefined = the node is not in a state to run it. */
  constructor(path: string, run: (task: Task) => Promise<string | undefined>, options: NodeTasksOptions = {}) {
    this.#path = path;
    this.#run = run;
    this.#options = options;
  }

  /** Rejects with what is wrong with a file that cannot be understood; it is set aside, so that no change of tasks overwrites it. */
  async load(): Promise<void> {
    const file = await readVersioned(this.#path, { version: 1, schema: fileSchema }).catch(async (error: unknown) => {
      if (!isOperationError(error)) throw error;
      const aside = `${this.#path}.set-aside-${Date.now()}`;
      await rename(this.#path, aside);
      throw new HostError("failed", `the node's scheduled tasks were set aside in ${aside}: ${error.message}`, {
        hint: "let the plugin schedule them again: `bv node run init`",
        cause: error,
      });
    });
    for (const { last, ...task } of file?.tasks ?? []) this.#put(task, last);
  }

  /** `next` only while the node is up: there is none before its next start. */
  list(): readonly ListedTask[] {
    return [...this.#entries.values()]
      .map(({ task, next, last }) => ({ ...task, next: this.#armed ? next : undefined, last }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** Adds or replaces. Error `invalid` when the schedule does not parse. */
  add(task: Task): Promise<void> {
    return this.#change(() => this.#add(task));
  }

  delete(name: string): Promise<void> {
    return this.#change(() => this.#delete(name));
  }

  /** Runs a task now. Errors: `not_found`, `busy`, `unavailable` when the node does not run; those of the function. */
  async runNow(name: string): Promise<ListedTask> {
    const entry = this.#entries.get(name);
    const candidates = [...this.#entries.keys()];
    if (entry === undefined) throw new HostError("not_found", `no task \`${name}\` is scheduled`, { candidates });
    if (entry.running) throw new HostError("busy", `task \`${name}\` is running`, { hint: "wait until it is done" });
    if (!(await this.#attempt(entry))) {
      throw new HostError("unavailable", "the node does not run", { hint: "start the node" });
    }
    return this.list().find((task) => task.name === name) ?? { ...entry.task, next: undefined, last: entry.last };
  }

  #change(work: () => Promise<void>): Promise<void> {
    const change = this.#changes.then(work);
    this.#changes = change.catch(() => {});
    return change;
  }

  async #add(task: Task): Promise<void> {
    const before = this.#entries.get(task.name);
    if (before === undefined && this.#entries.size >= maxTasks) {
      throw new HostError("no_resources", `a node can't have more than ${maxTasks} scheduled tasks`);
    }
    checkSchedule(task);
    const others = this.list().filter(({ name }) => name !== task.name);
    const last = this.#entries.get(task.name)?.last;
    await this.#save([...others, { ...task, last }]);
    this.#put(task, last);
  }

  async #delete(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    await this.#save(this.list().filter((task) => task.name !== name));
    clearTimeout(entry.timer);
    this.#entries.delete(name);
  }

  /** Starts the timers. */
  arm(): void {
    this.#armed = true;
    for (const entry of this.#entries.values()) this.#schedule(entry);
  }

  /** Stops the timers; a task that runs goes on. */
  disarm(): void {
    this.#armed = false;
    for (const entry of this.#entries.values()) clearTimeout(entry.timer);
  }

  #put(task: Task, last: LastRun | undefined): void {
    clearTimeout(this.#entries.get(task.name)?.timer);
    const entry: Entry = {
      task,
      schedule: parseSchedule(task.schedule, task.timezone ?? this.#options.timeZone),
      timer: undefined,
      next: undefined,
      running: false,
      last,
      savedAt: last?.at ?? 0,
    };
    this.#entries.set(task.name, entry);
    this.#schedule(entry);
  }

  #schedule(entry: Entry): void {
    const { random = Math.random } = this.#options;
    const next = entry.schedule.next(new Date());
    const jitter = random() * (entry.task.jitter_secs ?? 0) * 1000;
    entry.next = next && new Date(next.getTime() + jitter);
    this.#wait(entry);
  }

  #wait(entry: Entry): void {
    clearTimeout(entry.timer);
    if (!this.#armed || entry.next === undefined) return;
    const wait = entry.next.getTime() - Date.now();
    entry.timer = setTimeout(() => this.#due(entry), Math.min(Math.max(wait, 0), longestTimeout)).unref();
  }

  #due(entry: Entry): void {
    if (entry.next !== undefined && Date.now() < entry.next.getTime()) {
      this.#wait(entry);
      return;
    }
    // What it fails with is kept, and told by `onFailing`.
    if (!entry.running) void this.#attempt(entry).catch(() => {});
    if (this.#entries.get(entry.task.name) === entry) this.#schedule(entry);
  }

  /** False: the node was not in a state to run it. Rejects with what it failed with. */
  async #attempt(entry: Entry): Promise<boolean> {
    const { task } = entry;
    const [at, begin] = [Date.now(), performance.now()];
    const end = async (outcome: Pick<LastRun, "result" | "error">): Promise<void> => {
      const failures = outcome.error === null ? 0 : (entry.last?.failures ?? 0) + 1;
      await this.#note(task, { at, ms: Math.round(performance.now() - begin), ...outcome, failures });
    };
    entry.running = true;
    try {
      const result = await this.#run(task);
      if (result === undefined) return false;
      await end({ result: result.slice(0, keptCharacters), error: null });
      return true;
    } catch (error) {
      await end({ result: null, error: reportOf(error).message.slice(0, keptCharacters) });
      throw error;
    } finally {
      entry.running = false;
    }
  }

  /** Of the task of that name, which may have been scheduled anew meanwhile. */
  async #note(task: Task, last: LastRun): Promise<void> {
    const entry = this.#entries.get(task.name);
    if (entry === undefined) return;
    const changed = entry.last?.error !== last.error;
    entry.last = last;
    if (last.failures === toldFailures) this.#options.onFailing?.(task, last);
    if (!changed && last.at - entry.savedAt < savePeriod) return;
    entry.savedAt = last.at;
    // How it went is not worth failing for: on a full disk it is known until the daemon ends.
    await this.#change(() => this.#save(this.list())).catch(() => {});
  }

  async #save(tasks: readonly (Task & { readonly last: LastRun | undefined })[]): Promise<void> {
    // What there is not is not written.
    const plain = tasks.map((task) => ({ ...task, next: undefined }));
    await writeDurable(this.#path, JSON.stringify({ schema_version: 1, tasks: plain }));
  }
}

function checkSchedule({ schedule: text, timezone }: Task): void {
  try {
    parseSchedule(text, timezone);
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    throw new HostError("invalid", `invalid schedule '${text}': ${error.message}`, {
      hint: "write `second minute hour day-of-month month day-of-week [year]`, e.g. `0 0 */4 * * *`",
    });
  }
}

function parses(text: string): boolean {
  try {
    parseSchedule(text);
    return true;
  } catch {
    return false;
  }
}
