import type { Plugin, PluginFiles, PluginFunction } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import type { Covered } from "./covered.ts";
import { loadPlugin } from "./loaded-plugin.ts";
import { type EngineCalls, PluginProcess } from "./process.ts";
import type { ScriptWork, WorkKind, WorkOf } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { type WorkerCommand, workerCommand } from "./worker-command.ts";

const MOST_PROCESSES = 8;

/** Plugins whose functions are remembered, so that another node of the same image loads at once. */
const MOST_LOADED = 64;

/** A worker that nobody needed for this long is let go: it holds some megabytes. */
const IDLE_MS = 30_000;

/** The last one stays longer (spec host-daemon §11.6): nodes are asked again within a minute. */
const LAST_IDLE_MS = 600_000;

/** Waiting this long for a worker that is busy takes less of the machine than making another one. */
const PATIENCE_MS = 50;

export interface PluginWorkersOptions {
  /** Most processes at a time; further calls wait in line. Default 8: most of the time they sleep. */
  readonly size?: number;
  /** Milliseconds after which a worker without work is ended. Default 30 s. */
  readonly idleMs?: number;
  /** The same for the last one. Default 10 min. */
  readonly lastIdleMs?: number;
  /** Milliseconds that a call waits for a busy worker before another one is made. Default 50. */
  readonly patienceMs?: number;
  /** How a worker is started; default: as the user who asks, without a sandbox (nib runs an engineer's own scripts). */
  readonly command?: WorkerCommand;
}

/** A piece of work for any free worker. */
export interface PoolJob<K extends WorkKind> {
  readonly digest: string;
  readonly files: PluginFiles;
  readonly work: WorkOf<K>;
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly engine: EngineCalls;
  readonly now?: number | undefined;
  readonly onCovered?: ((covered: Covered) => void) | undefined;
}

/** Processes that run plugin scripts, shared by all nodes of a host. One call occupies one of them; a hung one is killed and replaced. */
export class PluginWorkers implements AsyncDisposable {
  readonly #size: number;
  #command: WorkerCommand | undefined;
  readonly #processes = new Set<PluginProcess>();
  readonly #idle: PluginProcess[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #idleMs: number;
  readonly #lastIdleMs: number;
  readonly #patienceMs: number;
  readonly #rest = new Map<PluginProcess, NodeJS.Timeout>();
  readonly #loaded = new Recent<string, Promise<readonly PluginFunction[]>>(MOST_LOADED);
  readonly #closing = new AbortController();

  constructor(options: PluginWorkersOptions = {}) {
    this.#size = options.size ?? MOST_PROCESSES;
    this.#command = options.command;
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#lastIdleMs = options.lastIdleMs ?? LAST_IDLE_MS;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** Workers at work, workers that rest, and calls that wait for one. */
  get usage(): { readonly busy: number; readonly idle: number; readonly waiting: number } {
    const idle = this.#idle.filter((worker) => !worker.ended).length;
    const alive = [...this.#processes].filter((worker) => !worker.ended).length;
    return { busy: alive - idle, idle, waiting: this.#waiting.length };
  }

  /** Of all processes there are. */
  get pids(): readonly number[] {
    return [...this.#processes].flatMap(({ ended, pid }) => (ended || pid === undefined ? [] : [pid]));
  }

  /** Compiles every file. Rejects with `PluginError` `PLUGIN_SYNTAX` that carries all findings. */
  load(files: PluginFiles): Promise<Plugin> {
    return loadPlugin(this, files, this.#loaded);
  }

  /** Runs one piece of work on a free worker. Rejects with `PluginError`. */
  async run<K extends WorkKind>(job: PoolJob<K>): Promise<ScriptWork[K]["output"]> {
    const signal = AbortSignal.any([job.signal, this.#closing.signal]);
    const worker = await this.#acquire(signal);
    try {
      return (await worker.run({ ...job, work: job.work as never, signal })) as ScriptWork[K]["output"];
    } finally {
      this.#release(worker);
    }
  }

  /** Ends all workers; calls under way reject with `PLUGIN_ABORTED`. */
  async close(): Promise<void> {
    this.#closing.abort(new PluginError("PLUGIN_ABORTED", "the plugin workers were closed"));
    for (const timer of this.#rest.values()) clearTimeout(timer);
    this.#rest.clear();
    await Promise.all([...this.#processes].map((worker) => worker.end()));
    this.#processes.clear();
    this.#idle.length = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acquire(signal: AbortSignal): Promise<PluginProcess> {
    const patientUntil = performance.now() + this.#patienceMs;
    for (;;) {
      if (signal.aborted) {
        // The turn that woke this caller belongs to the next one.
        this.#waiting.shift()?.();
        throw signal.reason;
      }
      // The one that rested shortest, so that those too many rest long enough to be let go.
      const idle = this.#idle.pop();
      if (idle) this.#wake(idle);
      if (idle && !idle.ended) return idle;
      if (idle) this.#processes.delete(idle);
      else if (this.#mayGrow && (this.#processes.size === 0 || performance.now() >= patientUntil)) {
        const worker = new PluginProcess((this.#command ??= workerCommand(import.meta.url)));
        this.#processes.add(worker);
        return worker;
      } else await this.#turn(signal, patientUntil);
    }
  }

  get #mayGrow(): boolean {
    return this.#processes.size < this.#size;
  }

  /** Resolves when a worker may be free or made, or the caller gave up. */
  #turn(signal: AbortSignal, patientUntil: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const leave = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place !== -1) this.#waiting.splice(place, 1);
      resolve();
    };
    const timer = this.#mayGrow ? setTimeout(leave, patientUntil - performance.now()) : undefined;
    signal.addEventListener("abort", leave, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    });
  }

  #release(worker: PluginProcess): void {
    if (worker.ended) this.#processes.delete(worker);
    else {
      this.#idle.push(worker);
      this.#letRest(worker, this.#idleMs, () => this.#tired(worker));
    }
    this.#waiting.shift()?.();
  }

  #letRest(worker: PluginProcess, ms: number, then: () => void): void {
    this.#rest.set(worker, setTimeout(then, ms).unref());
  }

  #tired(worker: PluginProcess): void {
    if (this.#processes.size > 1) this.#letGo(worker);
    else this.#letRest(worker, this.#lastIdleMs - this.#idleMs, () => this.#letGo(worker));
  }

  #wake(worker: PluginProcess): void {
    clearTimeout(this.#rest.get(worker));
    this.#rest.delete(worker);
  }

  #letGo(worker: PluginProcess): void {
    this.#wake(worker);
    this.#idle.splice(this.#idle.indexOf(worker), 1);
    this.#processes.delete(worker);
    void worker.end();
  }
}
