import { join } from "node:path";
import { refused } from "../failure.ts";
import { readBounded, replaceFile } from "../files/durable.ts";
import type { JobConfig } from "./config.ts";
import type { Job } from "./job.ts";
import { isArchive } from "./program.ts";

/** Caps of a transfer; absent: none. (§9.5) */
export type TransferLimits = {
  readonly max_connections?: number;
  readonly max_bytes_per_second?: number;
};

const LIMIT = 4096;

export const limitsFile = (jobFolder: string): string => join(jobFolder, "limits.json");

/**
 * Changes the caps in `limits.json` in the job's folder. The archive process watches it, so they count without a restart. What is
 * absent in `change` stays as it is; 0 takes a cap of ours away, so that the job's config counts again.
 */
export async function changeLimits(job: Job, change: TransferLimits): Promise<void> {
  if (!isArchive(job.config)) {
    throw refused(
      "job-not-archive",
      `job '${job.name}' is not an archive job: it has no transfer limits`,
      "Uploads and downloads of archives have them.",
    );
  }
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const merged = { ...(await limitsIn(job.folder)), ...Object.fromEntries(given) };
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value > 0));
  await replaceFile(limitsFile(job.folder), JSON.stringify(kept));
}

/** The caps in force: those that were set while it runs over those of the job's config. */
export async function effectiveLimits(jobFolder: string, config: JobConfig): Promise<TransferLimits> {
  return { ...capsOf(configuredCaps(config)), ...(await limitsIn(jobFolder)) };
}

function configuredCaps({ job_type: type }: JobConfig): TransferLimits {
  if ("download" in type) return type.download;
  if ("upload" in type) return type.upload;
  if ("multi_client_download" in type) return type.multi_client_download;
  return "multi_client_upload" in type ? type.multi_client_upload : {};
}

/** What the file says, as far as it makes sense; the job's own processes could write it, too. */
async function limitsIn(jobFolder: string): Promise<TransferLimits> {
  const text = await readBounded(limitsFile(jobFolder), LIMIT).catch(() => undefined);
  try {
    return capsOf(JSON.parse(text?.toString("utf8") ?? "{}"));
  } catch {
    return {};
  }
}

function capsOf(value: unknown): TransferLimits {
  const { max_connections, max_bytes_per_second } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    ...(isCap(max_connections) ? { max_connections } : {}),
    ...(isCap(max_bytes_per_second) ? { max_bytes_per_second } : {}),
  };
}

const isCap = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value > 0;
