import { availableParallelism } from "node:os";
import type { TransferLimits } from "../../jobs/limits.ts";
import { budgetBytes } from "../transfer/budget.ts";
import { RETRY_TIMES, SharedProgress } from "../transfer/retry.ts";
import { STALL_LIMIT } from "../transfer/stall-watch.ts";
import { Streams } from "../transfer/streams.ts";
import { Throttle } from "../transfer/throttle.ts";
import { BodyMemory } from "./body-memory.ts";
import type { ChunkTools } from "./chunk-upload.ts";
import type { UploadTimes } from "./environment.ts";
import { Permits } from "./permits.ts";
import { PreparingThreads } from "./preparing-threads.ts";
import { ObjectPutter } from "./put.ts";

/** What works on the chunks of a job, whatever archives they belong to. */
export type UploadTools = ChunkTools & {
  /** Chunks that are worked on at the same time. */
  readonly runners: number;
  readonly sent: { readonly total: number };
  limit(caps: TransferLimits): void;
  close(): Promise<void>;
};

const MOST_THREADS = 8;
/** Of them, those that are there from the start: little data needs no more. */
const FIRST_THREADS = 2;
/** A thread with its buffers and zstd's tables; measured. */
const THREAD_BYTES = 12 * 1024 * 1024;
const BODY_BYTES = 24 * 1024 * 1024;
const MOST_RUNNERS = 8;

export function uploadTools(options: {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Job's `max_runners`. */
  readonly most?: number | undefined;
  readonly times: UploadTimes;
  readonly onPause: (reason: string | undefined) => void;
}): UploadTools {
  const { signal, log, most, times, onPause } = options;
  const runners = Math.max(1, most ?? MOST_RUNNERS);
  const workers = Math.min(availableParallelism(), MOST_THREADS, runners);
  const bodies = Math.max(0, Math.floor((budgetBytes() - workers * THREAD_BYTES) / BODY_BYTES));
  const streams = new Streams(undefined);
  const permits = new Permits(() => streams.count);
  const throttle = new Throttle();
  const putter = new ObjectPutter(throttle, times.stall ?? STALL_LIMIT);
  const threads = new PreparingThreads(Math.min(workers, FIRST_THREADS));
  const sent = new SentBytes(streams, permits);
  const onBytes = (bytes: number): void => sent.add(bytes);
  const progress = new SharedProgress();
  const retry = times.retry ?? RETRY_TIMES;
  return {
    threads,
    preparing: new Permits(() => workers),
    memory: new BodyMemory(bodies, BODY_BYTES),
    sending: { putter, streams, permits, progress, retry, onBytes, signal, log },
    onPause,
    ...(times.diskWaitMs === undefined ? {} : { diskWaitMs: times.diskWaitMs }),
    runners,
    sent,
    limit(caps) {
      streams.limit(caps.max_connections);
      throttle.limit(caps.max_bytes_per_second);
      permits.serve();
    },
    async close() {
      putter.close();
      await threads.close();
    },
  };
}

/** Tells how many connections pay. */
class SentBytes {
  readonly #streams: Streams;
  readonly #permits: Permits;
  total = 0;

  constructor(streams: Streams, permits: Permits) {
    this.#streams = streams;
    this.#permits = permits;
  }

  add(bytes: number): void {
    this.total += bytes;
    this.#streams.observe(this.total);
    this.#permits.serve();
  }
}
