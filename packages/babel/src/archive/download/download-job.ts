import { join } from "node:path";
import { notFound } from "../../failure.ts";
import type { DownloadSettings } from "../../jobs/config.ts";
import { engineClient } from "../../service/engine.ts";
import { engineSource } from "../engine.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { hostShare } from "../transfer/host-share.ts";
import { followLimits } from "../transfer/live-limits.ts";
import { ProgressWriter } from "../transfer/progress.ts";
import { Streams } from "../transfer/streams.ts";
import type { ThreadOptions } from "./chunk-threads.ts";
import { downloadClients } from "./clients.ts";
import { dataFolder } from "./data-folder.ts";
import { ownerNamed } from "./owner.ts";
import type { Rechecks } from "./recheck.ts";
import type { Environment, Outcome } from "./run-downloads.ts";
import { runDownloads } from "./run-downloads.ts";
import { StateFolder } from "./state-folder.ts";

const NOTHING = { phase: "metadata", message: "chunks", chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 } as const;

/** Other times than the usual ones, for tests. */
export type Times = { readonly threads?: ThreadOptions; readonly firstWaitMs?: number };

/** A `download` or `multi_client_download` job. @throws with what is to be told; nothing is recorded as complete then */
export async function runDownloadJob(task: ArchiveTask, times: Times = {}): Promise<ArchiveResult> {
  const streams = new Streams(undefined);
  let applyBandwidth: (cap: number | undefined) => void = () => undefined;
  let bandwidth: number | undefined;
  const engine = engineClient(task.engineSocket, () => task.conf.secret);
  const limits = await followLimits(task, hostShare(engine, task.name, task.signal), (caps) => {
    streams.limit(caps.max_connections);
    bandwidth = caps.max_bytes_per_second;
    applyBandwidth(bandwidth);
  });
  const multi = "multi_client_download" in task.config.job_type;
  const most = maxRunners(task);
  const environment: Environment = {
    signal: task.signal,
    log: task.log,
    progress: new ProgressWriter(task.folder, NOTHING),
    streams,
    followBandwidth: (apply) => {
      applyBandwidth = apply;
      apply(bandwidth);
    },
    threads: { ...(most === undefined ? {} : { most }), ...times.threads },
  };
  try {
    return multi
      ? await downloadClients(task, environment, times, rechecksOf(task))
      : await downloadOne(task, engine, environment, times);
  } finally {
    limits.end();
  }
}

async function downloadOne(
  task: ArchiveTask,
  engine: ReturnType<typeof engineClient>,
  environment: Environment,
  times: Times,
): Promise<ArchiveResult> {
  const source = engineSource(engine, undefined, { ...task, ...times });
  const { folder } = task.protocolData;
  const state = new StateFolder(join(folder, task.name));
  const owner = await ownerNamed(task, task.config.run_as);
  const rest = { referenceFolder: folder, log: task.log, ...owner, ...rechecksOf(task) };
  const options = { source, destination: dataFolder(task), state, ...rest };
  const [outcome] = await runDownloads([options], environment);
  if (outcome?.kind === "complete") return resultOf(outcome, "");
  if (outcome?.kind === "failed") throw outcome.error;
  throw notFound("archive-not-found", "the node's image has no archive, or the archive has no version");
}

const resultOf = (outcome: Extract<Outcome, { kind: "complete" }>, storeKey: string): ArchiveResult => ({
  store_key: storeKey,
  data_version: outcome.dataVersion,
  total_size: outcome.totalSize,
});

const maxRunners = (task: ArchiveTask): number | undefined => settingsOf(task).max_runners;

function settingsOf({ config: { job_type: type } }: ArchiveTask): DownloadSettings {
  if ("download" in type) return type.download;
  return "multi_client_download" in type ? type.multi_client_download : {};
}

function rechecksOf(task: ArchiveTask): Rechecks {
  const { verify, verify_on_resume: verifyOnResume } = settingsOf(task);
  return { ...(verify && { verify }), ...(verifyOnResume && { verifyOnResume }) };
}
