import type { PluginConfig } from "../config/model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "../config/plan.ts";
import type { JobStatus, JobsInfo } from "../engine/job.ts";
import type { ProtocolStatus } from "./protocol-status.ts";

/**
 * What the jobs alone say about a node (spec plugin-api.md §4.5); undefined = the script has to say it. The config is only asked for where
 * it matters.
 */
export async function statusFromJobs(
  jobs: JobsInfo,
  config: () => Promise<PluginConfig | undefined>,
): Promise<ProtocolStatus | undefined> {
  if (jobs[UPLOAD_JOB]?.status === "running") return { state: "uploading", health: "neutral" };
  if (jobs[DOWNLOAD_JOB]?.status === "running") return { state: "downloading", health: "neutral" };
  const pending = new Set(Object.keys(jobs).filter((name) => isPending(jobs[name]?.status)));
  if (pending.size === 0) return undefined;
  const starting = (await config())?.services.some(({ name }) => pending.has(name)) ?? false;
  return starting ? { state: "starting", health: "neutral" } : undefined;
}

function isPending(status: JobStatus | undefined): boolean {
  return typeof status === "object" && "pending" in status;
}
