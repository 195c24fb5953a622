import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { BridgeMethod } from "../bindings/bridge.ts";
import type { PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { THREAD_LIMITS } from "./limits.ts";
import {
  type AnyWork,
  type EngineReply,
  GATE_CANCEL,
  GATE_CELLS,
  GATE_REPLIES,
  MOST_SCRIPTS,
  type ScriptFailure,
  type WorkerMessage,
  type WorkMessage,
} from "./protocol.ts";
import { Recent } from "./recent.ts";

/** Time a script gets to notice that it was given up, before its thread is ended. */
const GRACE_MS = 250;

/** The script's own clock only counts when the host is too busy to tell it that time is over. */
const SLACK_MS = 100;

/** `deadline`: epoch milliseconds; the script does not wait longer. */
export type EngineCalls = (method: BridgeMethod, args: readonly unknown[], deadline: number) => Promise<unknown>;

export interface ThreadJob {
  readonly digest: string;
  readonly files: PluginFiles;
  readonly work: AnyWork;
  readonly deadline: number;
  /** Fires when time is over or the caller gives up; its reason is what the job rejects with if the thread has to be ended. */
  readonly signal: AbortSignal;
  readonly engine: EngineCalls;
}

/** One worker thread, for one job at a time. A thread that was ended is of no more use. */
export class PluginThread {
  readonly #worker: Worker;
  readonly #gate = new Int32Array(new SharedArrayBuffer(GATE_CELLS * Int32Array.BYTES_PER_ELEMENT));
  readonly #replies: MessagePort;
  /** Digests of the plugins whose files the thread was given. */
  readonly #known = new Recent<string, true>(MOST_SCRIPTS);
  #ended = false;

  constructor(entry: URL) {
    const { port1, port2 } = new MessageChannel();
    this.#replies = port1;
    // A port that nobody listens on still keeps the process alive.
    port1.unref();
    this.#worker = new Worker(entry, {
      name: "plugin",
      workerData: { gate: this.#gate.buffer, replies: port2 },
      transferList: [port2],
      resourceLimits: THREAD_LIMITS,
      env: {},
      execArgv: [],
      stdout: false,
      stderr: false,
    });
    const ended = (): void => {
      this.#ended = true;
    };
    this.#worker.once("exit", ended);
    // Also between two jobs a thread may fail, for want of memory: that must not reach the process.
    this.#worker.on("error", ended);
    this.#worker.unref();
  }

  get ended(): boolean {
    return this.#ended;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
    this.#replies.close();
  }

  /** Resolves with the worker's output. Rejects with `PluginError`. */
  run(job: ThreadJob): Promise<unknown> {
    const worker = this.#worker;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let grace: NodeJS.Timeout | undefined;

    const onMessage = (message: WorkerMessage): void => {
      if (message.kind === "engine") this.#answer(job, message);
      else if (message.kind === "done") resolve(message.output);
      else {
        if (message.failure.code === "PLUGIN_SYNTAX") this.#known.forget(job.digest);
        reject(errorOf(message.failure, job));
      }
    };
    const onError = (error: Error & { readonly code?: string }): void => {
      this.#ended = true;
      const memory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      reject(
        new PluginError(
          memory ? "PLUGIN_LIMIT" : "PLUGIN_CRASH",
          memory ? "the plugin used too much memory" : `the plugin's thread failed: ${error.message}`,
        ),
      );
    };
    const onExit = (): void =>
      reject(job.signal.aborted ? job.signal.reason : new PluginError("PLUGIN_CRASH", "the plugin's thread ended"));
    const onAbort = (): void => {
      Atomics.store(this.#gate, GATE_CANCEL, 1);
      Atomics.notify(this.#gate, GATE_CANCEL);
      this.#wake();
      grace = setTimeout(() => void this.end(), GRACE_MS);
    };

    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.on("exit", onExit);
    worker.ref();
    Atomics.store(this.#gate, GATE_CANCEL, 0);
    if (job.signal.aborted) onAbort();
    else job.signal.addEventListener("abort", onAbort, { once: true });
    this.#post(job);

    return promise.finally(() => {
      clearTimeout(grace);
      job.signal.removeEventListener("abort", onAbort);
      worker.off("message", onMessage);
      worker.off("error", onError);
      worker.off("exit", onExit);
      worker.unref();
    });
  }

  #post({ digest, files, work, deadline }: ThreadJob): void {
    const known = this.#known.has(digest);
    const message: WorkMessage = { digest, files: known ? null : files, work, deadline: deadline + SLACK_MS };
    this.#known.use(digest, () => true);
    this.#worker.postMessage(message);
  }

  #answer(job: ThreadJob, { id, method, args, deadline }: WorkerMessage & { readonly kind: "engine" }): void {
    job.engine(method, args, deadline).then(
      (value) => this.#reply({ id, ok: true, value }),
      (error: unknown) =>
        this.#reply({ id, ok: false, message: error instanceof Error ? error.message : String(error) }),
    );
  }

  #reply(reply: EngineReply): void {
    if (this.#ended) return;
    this.#replies.postMessage(reply);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#gate, GATE_REPLIES, 1);
    Atomics.notify(this.#gate, GATE_REPLIES);
  }
}

/** A script that stopped because it was told to: who told knows why, the script knows where. */
function errorOf({ code, message, diagnostics, frames }: ScriptFailure, job: ThreadJob): PluginError {
  const { aborted, reason } = job.signal;
  const sources = job.files;
  if (code !== "PLUGIN_TIMEOUT" || !aborted || !(reason instanceof PluginError))
    return new PluginError(code, message, { diagnostics, frames, sources });
  const places = diagnostics.map(({ help: _, ...diagnostic }) => ({ ...diagnostic, message: reason.message }));
  return new PluginError(reason.code, reason.message, { diagnostics: places, frames, sources });
}
