import { TransferFault } from "../transfer/fault.ts";
import type { ProgressWriter } from "../transfer/progress.ts";
import type { Streams } from "../transfer/streams.ts";
import { ChunkThreads, type ThreadOptions } from "./chunk-threads.ts";
import { DiskPressure, type PressureTimes } from "./disk-pressure.ts";
import { DISK_TIMES, DiskSpace, type DiskTimes } from "./disk-space.ts";
import { Download, type DownloadOptions } from "./download.ts";
import { finalize } from "./finalize.ts";
import { Flushes, type FlushFileSystem } from "./flush.ts";
import { recheckResumed, transferChecked } from "./recheck.ts";
import { type CommitTimes, describeBad, TransferRun } from "./transfer-run.ts";

export type Environment = {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly progress: ProgressWriter;
  readonly streams: Streams;
  /** Calls back with the bandwidth cap, now and when it changes. */
  readonly followBandwidth: (apply: (bytesPerSecond: number | undefined) => void) => void;
  readonly threads?: ThreadOptions;
  readonly disk?: DiskTimes;
  readonly pressure?: PressureTimes;
  readonly commit?: CommitTimes;
  readonly flush?: FlushFileSystem;
  /** What progress is about. */
  readonly message?: string;
};

export type Outcome =
  | { readonly kind: "complete"; readonly dataVersion: number; readonly totalSize: number }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly error: Error };

/**
 * Downloads archives side by side, each to its own folder, under common caps; what fails does not hold up the others.
 *
 * @param before is told as soon as it is known whether there is such an archive, before the first byte is written
 * @returns outcomes in the order of `wanted` @throws TransferFault `cancelled`, `environment`
 */
export async function runDownloads(
  wanted: readonly DownloadOptions[],
  environment: Environment,
  before: (index: number, download: Download | undefined) => Promise<void> = async () => undefined,
): Promise<readonly Outcome[]> {
  const { signal, log, progress } = environment;
  const outcomes: Outcome[] = [];
  const opened = new Map<Download, number>();
  const flushes = new Flushes(environment.flush);
  const threads = new LazyThreads(environment.threads);
  // Threads take as long to start as a short list of chunks takes to be fetched and written down.
  const beginning = (): void => void threads.started();
  const reopened = async (options: DownloadOptions, index: number): Promise<void> => {
    try {
      const download = await Download.open({ ...options, beginning }, flushes);
      if (download !== undefined) opened.set(download, index);
      await before(index, download);
      if (download === undefined) outcomes[index] = { kind: "absent" };
    } catch (error) {
      signal.throwIfAborted();
      outcomes[index] = { kind: "failed", error: asError(error) };
    }
  };
  try {
    await Promise.all(wanted.map(reopened));
    const ready = [...opened.keys()].filter((download) => outcomes[opened.get(download)!] === undefined);
    const failed = await fetchAll(ready, threads, environment);
    for (const download of ready) {
      const { dataVersion, header } = download.plan;
      const error = failed.get(download) ?? badChunks(download);
      outcomes[opened.get(download)!] =
        error === undefined ? await finish(download, signal, log, progress) : { kind: "failed", error };
      log(`${download.plan.archive}, data version ${dataVersion}: ${header.chunks} chunks, ${header.totalSize} bytes`);
    }
    return outcomes;
  } finally {
    await Promise.allSettled([...opened.keys()].map((download) => download.close()));
    await progress.end();
    await threads.end();
  }
}

/** The threads of a run, started once it is known that there is something to do for them. */
export class LazyThreads {
  readonly #options: ThreadOptions | undefined;
  #threads: ChunkThreads | undefined;

  constructor(options: ThreadOptions | undefined) {
    this.#options = options;
  }

  started(): ChunkThreads {
    this.#threads ??= new ChunkThreads(this.#options);
    return this.#threads;
  }

  async end(): Promise<void> {
    const threads = this.#threads;
    this.#threads = undefined;
    await threads?.end();
  }
}

async function fetchAll(
  downloads: readonly Download[],
  threads: LazyThreads,
  environment: Environment,
): Promise<ReadonlyMap<Download, Error>> {
  try {
    const failed = await recheckResumed(downloads, threads, environment);
    const move = (some: readonly Download[]) => transfer(some, threads, environment);
    return await transferChecked(downloads, threads, environment, move, failed);
  } finally {
    await threads.end();
  }
}

async function transfer(
  downloads: readonly Download[],
  lazy: LazyThreads,
  environment: Environment,
): Promise<ReadonlyMap<Download, Error>> {
  const open = downloads.filter((download) => download.open > 0);
  const { progress, streams, signal, log, message = "chunks" } = environment;
  const threads = open.length === 0 ? undefined : lazy.started();
  let reason: string | undefined;
  const sum = (each: (download: Download) => number): number => downloads.reduce((total, one) => total + each(one), 0);
  const observed = (): void =>
    progress.update({
      phase: reason === undefined ? "transfer" : "paused",
      message: reason ?? message,
      chunks: sum(({ manifest }) => manifest.header.chunks),
      chunksDone: sum(({ chunksDone }) => chunksDone),
      bytes: sum(({ manifest }) => manifest.header.totalSize),
      bytesDone: sum(({ bytesDone }) => bytesDone) + (threads?.counters.unfinished ?? 0),
    });
  observed();
  if (threads === undefined) return new Map();
  environment.followBandwidth((cap) => threads.throttle.limit(cap));
  const { destination, state } = open[0]!.options;
  const disk = new DiskSpace(destination, state.path, environment.disk ?? DISK_TIMES);
  try {
    const run = new TransferRun(open, {
      threads,
      streams,
      disk,
      pressure: new DiskPressure(environment.pressure),
      ...(environment.commit === undefined ? {} : { commit: environment.commit }),
      signal,
      log,
      paused: (why) => {
        reason = why;
      },
      observed,
    });
    return await run.run();
  } finally {
    observed();
  }
}

async function finish(
  download: Download,
  signal: AbortSignal,
  log: (line: string) => void,
  progress: ProgressWriter,
): Promise<Outcome> {
  progress.update({ phase: "finalize", message: "chunks" });
  try {
    await finalize(download, signal);
  } catch (error) {
    log(asError(error).message);
    return { kind: "failed", error: asError(error) };
  }
  const { dataVersion, header } = download.plan;
  return { kind: "complete", dataVersion, totalSize: header.totalSize };
}

function badChunks(download: Download): Error | undefined {
  if (download.bad.length === 0) return undefined;
  const bad = [...download.bad].sort((a, b) => a.chunk.index - b.chunk.index);
  // Each of them was fetched again and again.
  const reasons = bad.map(({ chunk, reason }) => describeBad(download, chunk.index, reason));
  return new TransferFault("permanent", reasons.join("\n"));
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
