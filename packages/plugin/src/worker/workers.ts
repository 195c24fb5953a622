import type { Plugin, PluginFiles, PluginFunction } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { loadPlugin } from "./loaded-plugin.ts";
import type { ScriptWork, WorkKind, WorkOf } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { type EngineCalls, PluginThread } from "./thread.ts";

const MOST_THREADS = 8;

/** Plugins whose functions are remembered, so that another node of the same image loads at once. */
const MOST_LOADED = 64;

/** A thread that nobody needed for this long is let go: it holds some megabytes. */
const IDLE_MS = 30_000;

/** Waiting this long for a thread that is busy takes less of the machine than making another one. */
const PATIENCE_MS = 50;

export interface PluginWorkersOptions {
  /** Most worker threads at a time; further calls wait in line. Default 8: most of the time they sleep. */
  readonly size?: number;
  /** Milliseconds after which a thread without work is ended. Default 30 s. */
  readonly idleMs?: number;
  /** Milliseconds that a call waits for a busy thread before another one is made. Default 50. */
  readonly patienceMs?: number;
  /** The worker's script; default: the one beside this module, in source or bundled form. */
  readonly entry?: URL;
}

/** A piece of work for any free thread. */
export interface PoolJob<K extends WorkKind> {
  readonly digest: string;
  readonly files: PluginFiles;
  readonly work: WorkOf<K>;
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly engine: EngineCalls;
}

/** Threads that run plugin scripts, shared by all nodes of a host. One call occupies one thread; a hung one is ended and replaced. */
export class PluginWorkers implements AsyncDisposable {
  readonly #size: number;
  readonly #entry: URL;
  readonly #threads = new Set<PluginThread>();
  readonly #idle: PluginThread[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #idleMs: number;
  readonly #patienceMs: number;
  readonly #rest = new Map<PluginThread, NodeJS.Timeout>();
  readonly #loaded = new Recent<string, Promise<readonly PluginFunction[]>>(MOST_LOADED);
  readonly #closing = new AbortController();

  constructor(options: PluginWorkersOptions = {}) {
    this.#size = options.size ?? MOST_THREADS;
    this.#entry = options.entry ?? workerEntry(import.meta.url);
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** Threads at work, threads that rest, and calls that wait for one. */
  get usage(): { readonly busy: number; readonly idle: number; readonly waiting: number } {
    const idle = this.#idle.filter((thread) => !thread.ended).length;
    const alive = [...this.#threads].filter((thread) => !thread.ended).length;
    return { busy: alive - idle, idle, waiting: this.#waiting.length };
  }

  /** Compiles every file. Rejects with `PluginError` `PLUGIN_SYNTAX` that carries all findings. */
  load(files: PluginFiles): Promise<Plugin> {
    return loadPlugin(this, files, this.#loaded);
  }

  /** Runs one piece of work on a free thread. Rejects with `PluginError`. */
  async run<K extends WorkKind>(job: PoolJob<K>): Promise<ScriptWork[K]["output"]> {
    const signal = AbortSignal.any([job.signal, this.#closing.signal]);
    const thread = await this.#acquire(signal);
    try {
      return (await thread.run({ ...job, work: job.work as never, signal })) as ScriptWork[K]["output"];
    } finally {
      this.#release(thread);
    }
  }

  /** Ends all threads; calls under way reject with `PLUGIN_ABORTED`. */
  async close(): Promise<void> {
    this.#closing.abort(new PluginError("PLUGIN_ABORTED", "the plugin workers were closed"));
    for (const timer of this.#rest.values()) clearTimeout(timer);
    this.#rest.clear();
    await Promise.all([...this.#threads].map((thread) => thread.end()));
    this.#threads.clear();
    this.#idle.length = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acquire(signal: AbortSignal): Promise<PluginThread> {
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
      if (idle) this.#threads.delete(idle);
      else if (this.#mayGrow && (this.#threads.size === 0 || performance.now() >= patientUntil)) {
        const thread = new PluginThread(this.#entry);
        this.#threads.add(thread);
        return thread;
      } else await this.#turn(signal, patientUntil);
    }
  }

  get #mayGrow(): boolean {
    return this.#threads.size < this.#size;
  }

  /** Resolves when a thread may be free or made, or the caller gave up. */
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

  #release(thread: PluginThread): void {
    if (thread.ended) this.#threads.delete(thread);
    else {
      this.#idle.push(thread);
      const timer = setTimeout(() => this.#letGo(thread), this.#idleMs).unref();
      this.#rest.set(thread, timer);
    }
    this.#waiting.shift()?.();
  }

  #wake(thread: PluginThread): void {
    clearTimeout(this.#rest.get(thread));
    this.#rest.delete(thread);
  }

  #letGo(thread: PluginThread): void {
    this.#wake(thread);
    this.#idle.splice(this.#idle.indexOf(thread), 1);
    this.#threads.delete(thread);
    void thread.end();
  }
}

/** `plugin-worker.ts` beside this file when run from source, `plugin-worker.js` beside the bundle otherwise. */
function workerEntry(self: string): URL {
  return new URL(self.endsWith(".ts") ? "./plugin-worker.ts" : "./plugin-worker.js", self);
}
