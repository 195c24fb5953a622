import type { PluginConfig } from "../config/model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "../config/plan.ts";
import type { JobStatus, JobsInfo } from "../engine/job.ts";
import type { ProtocolStatus } from "./protocol-status.ts";

/** What the jobs alone say about a node (spec plugin-api.md §4.5); undefined = the script has to say it. */
export function statusFromJobs(jobs: JobsInfo, config: PluginConfig | undefined): ProtocolStatus | undefined {
  if (jobs[UPLOAD_JOB]?.status === "running") return { state: "uploading", health: "neutral" };
  if (jobs[DOWNLOAD_JOB]?.status === "running") return { state: "downloading", health: "neutral" };
  const starting = config?.services.some((service) => isPending(jobs[service.name]?.status)) ?? false;
  return starting ? { state: "starting", health: "neutral" } : undefined;
}

function isPending(status: JobStatus | undefined): boolean {
  return typeof status === "object" && "pending" in status;
}
