import { availableParallelism } from "node:os";
import { invalid } from "../../failure.ts";
import type { JobType } from "../../jobs/config.ts";
import { engineClient } from "../../service/engine.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { TransferFault } from "../transfer/fault.ts";
import { STALL_LIMIT } from "../transfer/get-object.ts";
import { followLimits } from "../transfer/live-limits.ts";
import { type ProgressState, ProgressWriter } from "../transfer/progress.ts";
import { RETRY_TIMES, SharedProgress } from "../transfer/retry.ts";
import { Streams } from "../transfer/streams.ts";
import { Throttle } from "../transfer/throttle.ts";
import type { ChunkTools } from "./chunk-upload.ts";
import { uploadClients } from "./clients.ts";
import { compressionOf, contextOf, expiresOf, type UploadTimes } from "./environment.ts";
import { Permits } from "./permits.ts";
import { PreparingThreads } from "./preparing-threads.ts";
import { ObjectPutter } from "./put.ts";
import { type UploadSettings, uploadArchive } from "./upload-archive.ts";

const MOST_THREADS = 8;
const MOST_RUNNERS = 8;
const TALK_MS = 30_000;
const NOTHING: ProgressState = {
  phase: "metadata",
  message: "chunks",
  chunks: 0,
  chunksDone: 0,
  bytes: 0,
  bytesDone: 0,
};

/** An `upload` or `multi_client_upload` job. @throws with what is to be told; nothing was published then */
export async function runUploadJob(task: ArchiveTask, times: UploadTimes = {}): Promise<ArchiveResult> {
  const { signal, log, config } = task;
  const streams = new Streams(undefined);
  const permits = new Permits(() => streams.count);
  const throttle = new Throttle();
  const limits = await followLimits(task.folder, config, (caps) => {
    streams.limit(caps.max_connections);
    throttle.limit(caps.max_bytes_per_second);
    permits.serve();
  });
  const progress = new ProgressWriter(task.folder, NOTHING);
  const most = runnersOf(config.job_type);
  const threads = Math.min(availableParallelism(), MOST_THREADS, most);
  const putter = new ObjectPutter(throttle, times.stall ?? STALL_LIMIT);
  const preparing = new PreparingThreads();
  const sent = new SentBytes(streams, permits);
  const tools: ChunkTools = {
    threads: preparing,
    preparing: new Permits(() => threads),
    sending: {
      ...{ putter, streams, permits, signal, log },
      progress: new SharedProgress(),
      retry: times.retry ?? RETRY_TIMES,
      onBytes: (bytes) => sent.add(bytes),
    },
    onPause: (reason) =>
      progress.update(
        reason === undefined ? { phase: "transfer", message: "chunks" } : { phase: "paused", message: reason },
      ),
  };
  const engine = engineClient(task.engineSocket, () => task.conf.secret);
  const talk = setInterval(() => log(`sent ${sent.total} bytes, ${Math.round(progress.rate() / 1e6)} MB/s`), TALK_MS);
  try {
    const environment = { task, engine, tools, runners: Math.min(most, threads + streams.count), times };
    if ("multi_client_upload" in config.job_type)
      return await uploadClients(environment, (change) => progress.update(change));
    return await uploadArchive(
      contextOf(environment, { settings: settingsOf(config.job_type), report: (change) => progress.update(change) }),
    );
  } catch (error) {
    if (signal.aborted) throw new TransferFault("cancelled", "upload interrupted", { cause: error });
    throw error;
  } finally {
    clearInterval(talk);
    limits.end();
    putter.close();
    await Promise.all([progress.end(), preparing.close()]);
  }
}

function settingsOf(type: JobType): UploadSettings {
  if (!("upload" in type)) throw invalid("job-config-invalid", "this is not an upload job");
  const { upload } = type;
  return {
    exclude: upload.exclude ?? [],
    compression: compressionOf(upload.compression?.ZSTD),
    numberOfChunks: upload.number_of_chunks,
    urlExpiresSecs: expiresOf(upload.url_expires_secs ?? 3600 + 15 * runnersOf(type)),
    dataVersion: upload.data_version,
    layout: upload.layout ?? "parts",
    allowEmpty: upload.allow_empty ?? false,
  };
}

function runnersOf(type: JobType): number {
  const wanted =
    "upload" in type
      ? type.upload.max_runners
      : "multi_client_upload" in type
        ? type.multi_client_upload.max_runners
        : undefined;
  return Math.max(1, wanted ?? MOST_RUNNERS);
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
