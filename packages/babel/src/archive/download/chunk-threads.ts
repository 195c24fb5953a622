import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { budgetBytes } from "../transfer/budget.ts";
import { isDiskFull, TransferFault } from "../transfer/fault.ts";
import { RETRY_TIMES, type RetryTimes, SharedProgress } from "../transfer/retry.ts";
import { STALL_LIMIT, type StallLimit } from "../transfer/stall-watch.ts";
import { Throttle } from "../transfer/throttle.ts";
import { Windows } from "../transfer/windows.ts";
import { Damaged } from "./chunk-sink.ts";
import { type ChunkOrder, type FromThread, type ThreadData, type ToThread, TransferCounters } from "./orders.ts";

/** A thread per core, but at least so many: while one waits for the disk, others go on. (D4-17, D4-18) */
const LEAST = 4;
const MOST = 8;
/** A thread with the buffers of its connections; measured. */
const THREAD_BYTES = 20 * 1024 * 1024;

/** The disk was full when the chunk was written. */
export class DiskFull extends Error {}

export type FetchEvents = {
  readonly urlWanted: () => void;
  readonly retry: (event: Extract<FromThread, { kind: "retry" }>) => void;
};

export type ThreadOptions = {
  /** Job's `max_runners`. */
  readonly most?: number;
  readonly retry?: RetryTimes;
  readonly stall?: StallLimit;
};

type Fetching = FetchEvents & {
  readonly thread: Thread;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};
type Thread = { readonly worker: Worker; load: number };

/** A fetch that goes on in some thread. */
export type RunningFetch = {
  readonly finished: Promise<void>;
  park(parked: boolean): void;
  renew(url: string): void;
  cancel(): void;
};

/** The threads of a job, and what they have in common. */
export class ChunkThreads {
  readonly throttle = new Throttle();
  readonly counters = new TransferCounters();
  readonly #progress = new SharedProgress();
  readonly #windows = new Windows();
  readonly #threads: readonly Thread[];
  readonly #fetching = new Map<number, Fetching>();
  #last = 0;

  constructor({ most = MOST, retry = RETRY_TIMES, stall = STALL_LIMIT }: ThreadOptions = {}) {
    const affordable = Math.floor(budgetBytes() / THREAD_BYTES);
    const count = Math.max(1, Math.min(Math.max(LEAST, availableParallelism()), MOST, most, affordable));
    const data: ThreadData = {
      throttle: this.throttle.shared,
      progress: this.#progress.shared,
      counters: this.counters.shared,
      windows: this.#windows.shared,
      retry,
      stall,
    };
    this.#threads = Array.from({ length: count }, () => this.#start(data));
  }

  fetch(order: ChunkOrder, events: FetchEvents): RunningFetch {
    this.#last += 1;
    const id = this.#last;
    const thread = this.#threads.reduce((least, each) => (each.load < least.load ? each : least));
    thread.load += 1;
    const finished = new Promise<void>((resolve, reject) => {
      this.#fetching.set(id, { ...events, thread, resolve, reject });
    }).finally(() => {
      thread.load -= 1;
      this.#fetching.delete(id);
    });
    const tell = (message: ToThread): void => thread.worker.postMessage(message);
    tell({ kind: "fetch", id, order });
    return {
      finished,
      park: (parked) => tell({ kind: "park", id, parked }),
      renew: (url) => tell({ kind: "url", id, url }),
      cancel: () => tell({ kind: "cancel", id }),
    };
  }

  /** Pauses that a job as a whole makes are no lack of progress. */
  noteProgress(): void {
    this.#progress.note();
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(data: ThreadData): Thread {
    const worker = new Worker(threadFile(import.meta.url), {
      name: "archive",
      workerData: data,
      // Pieces of the network lie outside of the heap: a small one is swept often enough to give them back soon.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256 },
    });
    const thread: Thread = { worker, load: 0 };
    worker.on("message", (message: FromThread) => this.#hear(message));
    worker.on("error", (error) => this.#lose(thread, error));
    worker.unref();
    return thread;
  }

  #hear(message: FromThread): void {
    const fetching = this.#fetching.get(message.id);
    if (fetching === undefined) return;
    if (message.kind === "url-wanted") fetching.urlWanted();
    else if (message.kind === "retry") fetching.retry(message);
    else if (message.kind === "done") fetching.resolve();
    else if (message.full) fetching.reject(new DiskFull(message.message));
    else if (message.damaged) fetching.reject(new Damaged(message.message));
    else fetching.reject(new TransferFault(message.fault, message.message));
  }

  #lose(thread: Thread, cause: unknown): void {
    for (const fetching of this.#fetching.values()) {
      if (fetching.thread !== thread) continue;
      fetching.reject(
        isDiskFull(cause) ? new DiskFull() : new TransferFault("transient", "a thread failed", { cause }),
      );
    }
  }
}

/** `chunk-thread.ts` beside this file when run from source, `chunk-thread.mjs` beside the bundle otherwise. */
const threadFile = (self: string): URL =>
  new URL(self.endsWith(".ts") ? "./chunk-thread.ts" : "./chunk-thread.mjs", self);
