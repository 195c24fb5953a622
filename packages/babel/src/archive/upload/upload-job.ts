import { invalid } from "../../failure.ts";
import type { JobType } from "../../jobs/config.ts";
import { engineClient } from "../../service/engine.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { TransferFault } from "../transfer/fault.ts";
import { hostShare } from "../transfer/host-share.ts";
import { followLimits } from "../transfer/live-limits.ts";
import { type ProgressState, ProgressWriter } from "../transfer/progress.ts";
import { uploadClients } from "./clients.ts";
import { compressionOf, contextOf, expiresOf, type UploadTimes } from "./environment.ts";
import { type UploadSettings, uploadArchive } from "./upload-archive.ts";
import { uploadTools } from "./upload-tools.ts";

const TALK_MS = 30_000;
const DEFAULT_RUNNERS = 8;
const NOTHING: ProgressState = {
  ...{ phase: "metadata", message: "chunks" },
  ...{ chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 },
};

/** An `upload` or `multi_client_upload` job. @throws with what is to be told; nothing was published then */
export async function runUploadJob(task: ArchiveTask, times: UploadTimes = {}): Promise<ArchiveResult> {
  const { signal, log, config } = task;
  const type = config.job_type;
  const progress = new ProgressWriter(task.folder, NOTHING);
  const report = (change: Partial<ProgressState>): void => progress.update(change);
  const onPause = (reason: string | undefined): void =>
    report(reason === undefined ? { phase: "transfer", message: "chunks" } : { phase: "paused", message: reason });
  const tools = uploadTools({ signal, log, most: runnersOf(type), times, onPause });
  const engine = engineClient(task.engineSocket, () => task.conf.secret);
  const share = hostShare(engine, task.name, signal);
  const limits = await followLimits(task, share, (caps) => tools.limit(caps));
  const talk = setInterval(
    () => log(`sent ${tools.sent.total} bytes, ${Math.round(progress.rate() / 1e6)} MB/s`),
    TALK_MS,
  );
  const environment = { task, engine, tools, times };
  try {
    if ("multi_client_upload" in type) return await uploadClients(environment, report);
    return await uploadArchive(contextOf(environment, { settings: settingsOf(type), report }));
  } catch (error) {
    if (signal.aborted) throw new TransferFault("cancelled", "upload interrupted", { cause: error });
    throw error;
  } finally {
    clearInterval(talk);
    limits.end();
    await Promise.all([progress.end(), tools.close()]);
  }
}

function settingsOf(type: JobType): UploadSettings {
  if (!("upload" in type)) throw invalid("job-config-invalid", "this is not an upload job");
  const { upload } = type;
  const runners = upload.max_runners ?? DEFAULT_RUNNERS;
  return {
    exclude: upload.exclude ?? [],
    appendOnly: upload.append_only ?? [],
    compression: compressionOf(upload.compression?.ZSTD),
    numberOfChunks: upload.number_of_chunks,
    urlExpiresSecs: expiresOf(upload.url_expires_secs ?? 3600 + 15 * runners),
    dataVersion: upload.data_version,
    layout: upload.layout ?? "parts",
    allowEmpty: upload.allow_empty ?? false,
  };
}

function runnersOf(type: JobType): number | undefined {
  if ("upload" in type) return type.upload.max_runners;
  return "multi_client_upload" in type ? type.multi_client_upload.max_runners : undefined;
}
