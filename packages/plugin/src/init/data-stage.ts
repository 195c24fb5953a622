import { dataDirectory, downloadServices, isMultiClient } from "../config/archives.ts";
import type { PluginConfig } from "../config/model.ts";
import {
  alternativeDownloadJob,
  coldInitJob,
  DOWNLOAD_JOB,
  downloadJob,
  multiClientDownloadJob,
  type PlannedJob,
  type Stage,
  stageJob,
} from "../config/plan.ts";
import type { RunContext } from "./context.ts";

/** Where the protocol data of a node come from (the Target column of spec plugin-api.md §4.2). */
export type DataSource = "none" | "multi_client" | "archive" | "alternative_download" | "cold_init";

export async function chooseDataSource(config: PluginConfig, run: RunContext): Promise<DataSource> {
  if (isMultiClient(config)) {
    const choice = await chooseMultiClient(config, run);
    if (choice !== undefined) return choice;
  }
  if ((await run.engine.protocolDataStamp(run.ctx)) !== undefined) return "none";
  if (await run.engine.hasProtocolArchive(undefined, run.ctx)) return "archive";
  if (config.alternative_download) return "alternative_download";
  return config.cold_init ? "cold_init" : "none";
}

/** Existing data are never downloaded over. `undefined`: nothing can be downloaded, other sources may help. */
async function chooseMultiClient(config: PluginConfig, { engine, ctx }: RunContext): Promise<DataSource | undefined> {
  const missing = [];
  for (const service of downloadServices(config)) {
    if (!(await engine.hasServiceData(dataDirectory(service), ctx))) missing.push(service);
  }
  if (missing.length === 0) return "none";
  for (const service of missing) if (await engine.hasProtocolArchive(service.store_key, ctx)) return "multi_client";
  return undefined;
}

/** The jobs that bring the data, and the stage that services then need. */
export function dataStageJobs(
  config: PluginConfig,
  source: DataSource,
  stage: Stage,
): { readonly jobs: readonly PlannedJob[]; readonly stage: Stage } {
  const download = sourceJob(config, source, stage);
  if (!download) return { jobs: [], stage };
  // A cold init leaves nothing to post-process.
  const post = source === "cold_init" ? [] : (config.post_download ?? []).map((job) => stageJob(job, [DOWNLOAD_JOB]));
  return { jobs: [download, ...post], stage: post.length > 0 ? post.map((job) => job.name) : [DOWNLOAD_JOB] };
}

function sourceJob(config: PluginConfig, source: DataSource, stage: Stage): PlannedJob | undefined {
  switch (source) {
    case "multi_client":
      return multiClientDownloadJob(config, stage);
    case "archive":
      return downloadJob(config, stage);
    case "alternative_download":
      return config.alternative_download ? alternativeDownloadJob(config.alternative_download, stage) : undefined;
    case "cold_init":
      return config.cold_init ? coldInitJob(config.cold_init, stage) : undefined;
    case "none":
      return undefined;
  }
}
