import type { PluginConfig } from "../config/model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "../config/plan.ts";
import { isActive, type JobInfo, type JobStatus, type JobsInfo } from "../engine/job.ts";
import type { ProtocolStatus } from "./protocol-status.ts";

/**
 * What the jobs alone say about a node (spec plugin-api.md §4.5); undefined = the script has to say it. Services run for ever: one that has
 * finished otherwise than by a skip did so because a job that it needs failed, or because it cannot be run, and the node is not healthy.
 * The config is only asked for where it matters.
 */
export async function statusFromJobs(
  jobs: JobsInfo,
  config: () => Promise<PluginConfig | undefined>,
): Promise<ProtocolStatus | undefined> {
  const [upload, download] = [jobs[UPLOAD_JOB], jobs[DOWNLOAD_JOB]];
  if (upload?.status === "running") return transferring("uploading", upload);
  if (download !== undefined && isUnderWay(download.status)) return transferring("downloading", download);
  const named = (matches: (status: JobStatus | undefined) => boolean): readonly string[] =>
    Object.keys(jobs).filter((name) => matches(jobs[name]?.status));
  const [failed, pending] = [named(hasFailed), named(isPending)];
  if (failed.length + pending.length === 0) return undefined;
  const known = await config();
  const services = known?.services.map(({ name }) => name) ?? [];
  if (services.some((name) => failed.includes(name))) return { state: "failed", health: "unhealthy" };
  if (!services.some((name) => pending.includes(name))) return undefined;
  const initializing = known?.init?.jobs.some(({ name }) => isActive(jobs[name]?.status)) ?? false;
  return { state: initializing ? "initializing" : "starting", health: "neutral" };
}

function transferring(state: string, { progress }: JobInfo): ProtocolStatus {
  return { state, health: "neutral", ...(progress ? { progress } : {}) };
}

/** It runs, or could at once: between two tries it does not. */
function isUnderWay(status: JobStatus): boolean {
  return isActive(status) && !(isPending(status) && status.pending.waiting_for.length > 0);
}

function hasFailed(status: JobStatus | undefined): boolean {
  return typeof status === "object" && "finished" in status && status.finished.exit_code !== 0;
}

function isPending(status: JobStatus | undefined): status is Extract<JobStatus, { readonly pending: unknown }> {
  return typeof status === "object" && "pending" in status;
}
