import { join } from "node:path";
import { type JobConfig, logCapacityBytes } from "../jobs/config.ts";
import { pruneLogs } from "./prune.ts";

/** Of all jobs' logs in a node, when neither the host nor the image says so. (D3-03) */
const DEFAULT_LIMIT_MB = 2_000;
const SEGMENTS = 8;
/** So many jobs a node may have, and the newest segment of each log always stays. */
const SHARES = 64;
const SMALLEST_SEGMENT = 64 * 1024;

/** How the log writer cuts a log: so many bytes per file, and at most so many files. */
export type Cut = { readonly segmentBytes: number; readonly segments: number };

/** What the logs of a node may take, in bytes: as the host says, else as the image says, else 2 GB. */
export function logLimitBytes(host: number | undefined, image: string | undefined): number {
  const megabytes = host ?? (/^[1-9]\d{0,8}$/.test(image ?? "") ? Number(image) : DEFAULT_LIMIT_MB);
  return megabytes * 1_000_000;
}

/** In small enough pieces for all jobs of a node to stay within its limit. */
export function cutOf(config: JobConfig, nodeLimit: number): Cut {
  const capacity = Math.min(logCapacityBytes(config), nodeLimit);
  const piece = Math.floor(Math.min(capacity / SEGMENTS, nodeLimit / SHARES));
  const segmentBytes = Math.max(SMALLEST_SEGMENT, piece);
  return { segmentBytes, segments: Math.max(2, Math.floor(capacity / segmentBytes)) };
}

type Log = { readonly folder: string; readonly config: JobConfig };

/** Removes what a job's log has more than its own capacity, or than `most` bytes. Returns what is left. */
export const pruneLog = ({ folder, config }: Log, most = Number.POSITIVE_INFINITY): Promise<number> =>
  pruneLogs(join(folder, "log"), Math.min(logCapacityBytes(config), most));

/** Keeps every log to its capacity; where all together are still too much, each is cut to an equal share. */
export async function pruneNodeLogs(logs: readonly Log[], nodeLimit: number): Promise<void> {
  let total = 0;
  for (const log of logs) total += await pruneLog(log);
  if (total <= nodeLimit) return;
  for (const log of logs) await pruneLog(log, Math.floor(nodeLimit / logs.length));
}
