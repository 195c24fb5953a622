import { rename } from "node:fs/promises";
import { isOperationError } from "@blockvisor/image/container";
import { CronError, parseSchedule, type Schedule } from "@blockvisor/plugin";
import { z } from "zod";
import { readVersioned, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";

const schedule = z.string().refine(parses, "is no schedule");
const taskSchema = z.object({ name: z.string(), schedule, function: z.string(), param: z.string() });
const fileSchema = z.object({ tasks: z.array(taskSchema) });

export type Task = z.infer<typeof taskSchema>;

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
}

/**
 * The scheduled tasks of one node, in `<node>/tasks.json`. Every change is durable before it is acknowledged. A task that still runs
 * when its time comes again is left out; occurrences missed while the daemon was down are not made up: a task that must have run says so
 * itself, and can be run by hand.
 */
export class NodeTasks {
  readonly #path: string;
  readonly #run: (task: Task) => Promise<void>;
  readonly #timeZone: string | undefined;
  readonly #entries = new Map<string, Entry>();
  /** Changes come one after the other: each is made to what the one before it left. */
  #changes: Promise<unknown> = Promise.resolve();
  #armed = false;

  /** `run` is called at the task's time; it decides whether the node is in a state to run it, and handles its failures. */
  constructor(path: string, run: (task: Task) => Promise<void>, timeZone?: string) {
    this.#path = path;
    this.#run = run;
    this.#timeZone = timeZone;
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
    for (const task of file?.tasks ?? []) this.#put(task);
  }

  /** `next` only while the node is up: there is none before its next start. */
  list(): readonly (Task & { readonly next: Date | undefined })[] {
    return [...this.#entries.values()]
      .map(({ task, next }) => ({ ...task, next: this.#armed ? next : undefined }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** Adds or replaces. Error `invalid` when the schedule does not parse. */
  add(task: Task): Promise<void> {
    return this.#change(() => this.#add(task));
  }

  delete(name: string): Promise<void> {
    return this.#change(() => this.#delete(name));
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
    checkSchedule(task.schedule);
    const others = this.list().filter(({ name }) => name !== task.name);
    await this.#save([...others, task]);
    this.#put(task);
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

  #put(task: Task): void {
    clearTimeout(this.#entries.get(task.name)?.timer);
    const entry: Entry = {
      task,
      schedule: parseSchedule(task.schedule, this.#timeZone),
      timer: undefined,
      next: undefined,
      running: false,
    };
    this.#entries.set(task.name, entry);
    this.#schedule(entry);
  }

  #schedule(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.next = entry.schedule.next(new Date());
    if (!this.#armed || entry.next === undefined) return;
    const wait = entry.next.getTime() - Date.now();
    entry.timer = setTimeout(() => this.#due(entry), Math.min(Math.max(wait, 0), longestTimeout)).unref();
  }

  #due(entry: Entry): void {
    const due = entry.next !== undefined && Date.now() >= entry.next.getTime();
    if (due && !entry.running) {
      entry.running = true;
      void this.#run(entry.task).finally(() => {
        entry.running = false;
      });
    }
    if (this.#entries.get(entry.task.name) === entry) this.#schedule(entry);
  }

  async #save(tasks: readonly Task[]): Promise<void> {
    const plain = tasks.map(({ name, schedule, function: fn, param }) => ({ name, schedule, function: fn, param }));
    await writeDurable(this.#path, JSON.stringify({ schema_version: 1, tasks: plain }));
  }
}

function checkSchedule(text: string): void {
  try {
    parseSchedule(text);
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
