import type { DownloadSettings } from "../../jobs/config.ts";
import { TransferFault } from "../transfer/fault.ts";
import { damagedAmong } from "../verify/verify.ts";
import type { Download } from "./download.ts";
import type { Environment, LazyThreads } from "./run-downloads.ts";

/** What is read again of what was written: before it counts as complete (D4-22), and before an earlier attempt is gone on with (§9.2). */
export type Rechecks = {
  readonly verify?: DownloadSettings["verify"];
  readonly verifyOnResume?: DownloadSettings["verify_on_resume"];
};

export type Failed = Map<Download, Error>;

/** So many chunks are a `sample`. */
const SAMPLE = 16;
/** A chunk that was fetched so often, and was read back as something else each time, is not worth another try. */
const ROUNDS = 3;

/** Reads chunks of earlier attempts again where the job asks for it; what is damaged is open then. @returns what could not be looked at */
export async function recheckResumed(
  downloads: readonly Download[],
  threads: LazyThreads,
  environment: Environment,
): Promise<Failed> {
  const wanted = new Map<Download, readonly number[]>();
  for (const download of downloads) {
    const { verifyOnResume = "sizes" } = download.options;
    const done = download.doneChunks();
    if (verifyOnResume === "sizes" || done.length === 0 || download.recorded) continue;
    wanted.set(download, verifyOnResume === "full" ? done : sampleOf(done));
  }
  const failed: Failed = new Map();
  await recheck(wanted, threads, environment, failed);
  return failed;
}

/** Fetches what is open, reads it again where the job asks for that, and fetches what was not as it should be, until all is. */
export async function transferChecked(
  downloads: readonly Download[],
  threads: LazyThreads,
  environment: Environment,
  transfer: (downloads: readonly Download[]) => Promise<ReadonlyMap<Download, Error>>,
  failed: Failed,
): Promise<Failed> {
  const checked = new Set<Download>();
  const lost = new Map<Download, readonly number[]>();
  for (let round = 1; ; round += 1) {
    for (const [download, error] of await transfer(downloads.filter((each) => !failed.has(each)))) {
      failed.set(download, error);
    }
    const wanted = new Map<Download, readonly number[]>();
    for (const download of downloads) {
      if (download.options.verify !== "full" || checked.has(download) || failed.has(download)) continue;
      if (download.recorded || download.bad.length > 0) continue;
      wanted.set(download, lost.get(download) ?? download.doneChunks());
    }
    await recheck(wanted, threads, environment, failed);
    for (const download of wanted.keys()) {
      lost.set(download, download.openChunks());
      if (download.open === 0) checked.add(download);
      else if (round === ROUNDS && !failed.has(download)) failed.set(download, notKept(download));
    }
    if ([...wanted.keys()].every((download) => checked.has(download) || failed.has(download))) return failed;
  }
}

async function recheck(
  wanted: ReadonlyMap<Download, readonly number[]>,
  lazy: LazyThreads,
  { signal, streams, progress, log }: Environment,
  failed: Failed,
): Promise<void> {
  if (wanted.size === 0) return;
  const threads = lazy.started();
  for (const [download, indexes] of wanted) {
    const checked = (chunksDone: number): void => progress.update({ phase: "verify", message: "chunks", chunksDone });
    try {
      await download.commit();
      const checking = { threads, connections: () => streams.count, signal, checked };
      const { damaged, unknown } = await damagedAmong(download, indexes, checking);
      log(
        `${download.plan.archive}: ${indexes.length - unknown} chunks were read again, ${damaged.length} are damaged`,
      );
      if (unknown > 0) log(`the archive does not say what is in ${unknown} chunks: they were not read again`);
      if (damaged.length > 0) await download.lose(damaged);
    } catch (error) {
      signal.throwIfAborted();
      failed.set(download, error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Some of them, others each time. */
function sampleOf(indexes: readonly number[]): readonly number[] {
  const left = [...indexes];
  const taken: number[] = [];
  while (taken.length < SAMPLE && left.length > 0) {
    taken.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  }
  return taken;
}

const notKept = ({ open, plan }: Download): TransferFault =>
  new TransferFault(
    "environment",
    `${open} chunks of ${plan.archive} were written ${ROUNDS} times, and read back as something else: look at the disk`,
  );
