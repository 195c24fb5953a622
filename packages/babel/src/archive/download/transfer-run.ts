import { messageOf } from "../../errno.ts";
import { isDiskFull, isOverload, TransferFault } from "../transfer/fault.ts";
import { cancelled } from "../transfer/retry.ts";
import type { Streams } from "../transfer/streams.ts";
import { type ChunkThreads, DiskFull, type RunningFetch } from "./chunk-threads.ts";
import type { DiskPressure } from "./disk-pressure.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { Download } from "./download.ts";

export type CommitTimes = { readonly afterMs: number; readonly afterBytes: number };

/** D4-02 */
const COMMIT_TIMES: CommitTimes = { afterMs: 30_000, afterBytes: 4 * 1024 ** 3 };

const TICK_MS = 500;
const REPORT_MS = 30_000;
/** With more bad chunks than that, an archive is not worth fetching. */
const BAD_LIMIT = 100;
/** A stop request waits for what is done to be recorded as durable, but not longer. */
const LAST_COMMIT_MS = 10_000;

export type RunOptions = {
  readonly threads: ChunkThreads;
  readonly streams: Streams;
  readonly disk: DiskSpace;
  readonly pressure: DiskPressure;
  readonly commit?: CommitTimes;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Why nothing is transferred just now; undefined: it is. */
  readonly paused: (reason: string | undefined) => void;
  readonly observed: () => void;
};

type Transfer = { readonly download: Download; readonly fetch: RunningFetch; parked: boolean };

/** Fetches the open chunks of some downloads, under one cap of connections and with one look at the disk. */
export class TransferRun {
  readonly #downloads: readonly Download[];
  readonly #options: RunOptions;
  readonly #running = new Set<Transfer>();
  readonly #starting = new Set<Promise<void>>();
  readonly #failed = new Map<Download, Error>();
  #wake: () => void = () => undefined;
  #turn = 0;
  #short = false;
  /** Bytes that the last report knew of. */
  #reported = 0;

  constructor(downloads: readonly Download[], options: RunOptions) {
    this.#downloads = downloads;
    this.#options = options;
  }

  /**
   * @returns what failed; the others have all their chunks written, and nothing more: not even durable
   * @throws TransferFault `cancelled`, `environment`
   */
  async run(): Promise<ReadonlyMap<Download, Error>> {
    const { signal, log } = this.#options;
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake);
    const ticks = setInterval(wake, Math.min(TICK_MS, this.#options.disk.intervalMs));
    const reports = setInterval(() => log(this.#report()), REPORT_MS);
    let ended = false;
    try {
      while (!signal.aborted && (this.#candidates().length > 0 || this.#running.size + this.#starting.size > 0)) {
        await this.#step();
      }
      if (signal.aborted) throw cancelled();
      ended = true;
      return this.#failed;
    } finally {
      clearInterval(ticks);
      clearInterval(reports);
      signal.removeEventListener("abort", wake);
      for (const { fetch } of this.#running) fetch.cancel();
      await Promise.allSettled([...this.#starting]);
      await Promise.allSettled([...this.#running].map(({ fetch }) => fetch.finished));
      await this.#lastCommit(ended);
    }
  }

  async #step(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const { threads, streams, pressure, log } = this.#options;
    streams.observe(threads.counters.received);
    if (pressure.tooMuch(threads.counters.writes) && streams.overloaded()) {
      log(`the disk does not keep up: ${streams.count} connections for a while`);
    }
    this.#options.observed();
    await this.#lookAtDisk();
    this.#adjust();
    this.#commitWhatIsDue();
    await woken;
  }

  /** Starts, parks and unparks transfers so that as many run as may. */
  #adjust(): void {
    const allowed = this.#short ? 0 : Math.max(1, this.#options.streams.count);
    const active = [...this.#running].filter(({ parked }) => !parked);
    for (const transfer of active.slice(allowed)) this.#park(transfer, true);
    let free = allowed - active.length - this.#starting.size;
    for (const transfer of this.#running) {
      if (free <= 0) break;
      if (!transfer.parked || active.includes(transfer)) continue;
      this.#park(transfer, false);
      free -= 1;
    }
    for (; free > 0; free -= 1) {
      const candidates = this.#candidates();
      const download = candidates[this.#turn % Math.max(1, candidates.length)];
      if (download === undefined) return;
      this.#turn += 1;
      this.#start(download);
    }
  }

  #park(transfer: Transfer, parked: boolean): void {
    transfer.parked = parked;
    transfer.fetch.park(parked);
  }

  #candidates(): readonly Download[] {
    return this.#downloads.filter((download) => download.open > 0 && !this.#failed.has(download));
  }

  #start(download: Download): void {
    const starting = this.#begin(download)
      .catch((error: unknown) => (isDiskFull(error) ? this.#noRoom(download, error) : this.#fail(download, error)))
      .finally(() => {
        this.#starting.delete(starting);
        this.#wake();
      });
    this.#starting.add(starting);
  }

  async #begin(download: Download): Promise<void> {
    const order = await download.next();
    const { index, key } = order.chunk;
    if (this.#options.signal.aborted || this.#failed.has(download)) return download.reopen(index);
    const { log, streams, threads } = this.#options;
    const fetch = threads.fetch(order, {
      urlWanted: () => {
        download.freshUrl(index).then(
          (url) => fetch.renew(url),
          (error: unknown) => {
            this.#fail(download, error);
            fetch.cancel();
          },
        );
      },
      retry: ({ fault, message, waitMs }) => {
        if (isOverload(fault)) streams.overloaded();
        streams.failed();
        log(`chunk '${key}': ${message}; again in ${(waitMs / 1000).toFixed(1)} s`);
      },
    });
    const transfer: Transfer = { download, fetch, parked: false };
    this.#running.add(transfer);
    fetch.finished
      .then(() => download.finished(index))
      .catch((error: unknown) => this.#missed(download, index, error))
      .finally(() => {
        this.#running.delete(transfer);
        this.#wake();
      });
  }

  async #missed(download: Download, index: number, error: unknown): Promise<void> {
    const { log, signal } = this.#options;
    if (signal.aborted || this.#failed.has(download)) return download.reopen(index);
    if (error instanceof DiskFull || isDiskFull(error)) {
      download.reopen(index);
      return this.#noRoom(download, error);
    }
    if (error instanceof TransferFault && error.kind === "corrupt" && download.bad.length < BAD_LIMIT) {
      const chunk = download.manifest.chunk(index);
      download.bad.push({ chunk, reason: error.message });
      log(describeBad(download, index, error.message));
      return;
    }
    const { key } = download.manifest.chunk(index);
    this.#fail(download, new Error(`chunk '${key}' download failed`, { cause: error }));
  }

  /** Neither for data nor for state: everything waits for it. */
  async #noRoom(download: Download, error: unknown): Promise<void> {
    if (!this.#short) this.#options.log(`no room on the disk: ${messageOf(error)}`);
    this.#options.disk.noteFull();
    await download.options.state.ballast(false);
  }

  #fail(download: Download, error: unknown): void {
    if (this.#failed.has(download)) return;
    this.#failed.set(download, error instanceof Error ? error : new Error(String(error)));
    for (const transfer of this.#running) if (transfer.download === download) transfer.fetch.cancel();
    this.#wake();
  }

  async #lookAtDisk(): Promise<void> {
    const { disk, paused, threads } = this.#options;
    const total = this.#downloads.reduce((sum, { manifest }) => sum + manifest.header.totalSize, 0);
    const written = threads.counters.unfinished;
    const remaining = this.#downloads.reduce((sum, download) => sum + download.remaining, 0) - written;
    const shortage = await disk.shortage(Math.max(0, remaining), total);
    if (shortage?.hopeless) throw new TransferFault("environment", shortage.message);
    const short = shortage !== undefined;
    if (short !== this.#short) {
      this.#options.log(shortage?.message ?? "there is room on the disk again");
      await Promise.all(this.#downloads.map((download) => download.options.state.ballast(!short)));
    }
    this.#short = short;
    paused(shortage?.message);
    if (short) threads.noteProgress();
  }

  #commitWhatIsDue(): void {
    const { afterMs, afterBytes } = this.#options.commit ?? COMMIT_TIMES;
    for (const download of this.#downloads) {
      if (!download.commitDue(afterMs, afterBytes)) continue;
      download
        .commit()
        .catch((error: unknown) => (isDiskFull(error) ? this.#noRoom(download, error) : this.#fail(download, error)));
    }
  }

  /** What has all its chunks is made durable by whoever finishes it. @param ended nothing cut it off */
  async #lastCommit(ended: boolean): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_COMMIT_MS).unref());
    const unfinished = this.#downloads.filter(
      (download) => !ended || this.#failed.has(download) || download.bad.length > 0,
    );
    const commits = unfinished.map((download) =>
      download.commit().catch((error: unknown) => {
        this.#failed.set(download, error instanceof Error ? error : new Error(String(error)));
      }),
    );
    await Promise.race([Promise.all(commits), late]);
  }

  /** Throughput since the last report. (D3-05) */
  #report(): string {
    const { threads, streams } = this.#options;
    const done = this.#downloads.reduce((sum, { chunksDone }) => sum + chunksDone, 0);
    const all = this.#downloads.reduce((sum, { manifest }) => sum + manifest.header.chunks, 0);
    const { received } = threads.counters;
    const rate = (received - this.#reported) / 1e6 / (REPORT_MS / 1000);
    this.#reported = received;
    return `${done} of ${all} chunks; ${rate.toFixed(1)} MB/s over ${streams.count} connections`;
  }
}

/** Names chunk and files. */
export function describeBad(download: Download, index: number, reason: string): string {
  const { key, destinations } = download.manifest.chunk(index);
  const paths = [...new Set(destinations.map(({ path }) => path))];
  const more = paths.length > 3 ? `, … ${paths.length - 3} more` : "";
  return `corrupted chunk ${key} v${download.plan.dataVersion} (${paths.slice(0, 3).join(", ")}${more}): ${reason}`;
}
