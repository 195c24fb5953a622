import { join } from "node:path";
import { type JobConfig, logCapacityBytes } from "../jobs/config.ts";
import { pruneLogs } from "./prune.ts";

/** When neither the host nor the image says so. (D3-03) */
const DEFAULT_LIMIT_MB = 2_000;
const DEFAULT_SEGMENTS = 8;
/** With a single file all output would go whenever it is full; every file is looked at whenever a log is read. */
const [FEWEST_SEGMENTS, MOST_SEGMENTS] = [2, 256];
/** So many jobs a node may have, and the newest segment of each log always stays. */
const SHARES = 64;
const SMALLEST_SEGMENT = 64 * 1024;

/** How the log writer cuts a log: so many bytes per file, and at most so many files. */
export type Cut = { readonly segmentBytes: number; readonly segments: number };

/** What the logs of all jobs of a node may take together, in bytes, and how many files each of them is cut into. */
export type LogLimits = { readonly bytes: number; readonly segments: number };

/** As the host says, else as the environment of the image says; nonsense in there does not count. */
export function logLimits(
  host: { readonly log_limit_mb?: number; readonly log_segments?: number },
  image: Readonly<Record<string, string | undefined>>,
): LogLimits {
  const megabytes = host.log_limit_mb ?? amountIn(image["BABEL_LOG_LIMIT_MB"]) ?? DEFAULT_LIMIT_MB;
  const segments = host.log_segments ?? amountIn(image["BABEL_LOG_SEGMENTS"]) ?? DEFAULT_SEGMENTS;
  return { bytes: megabytes * 1_000_000, segments: Math.min(Math.max(segments, FEWEST_SEGMENTS), MOST_SEGMENTS) };
}

const amountIn = (text = ""): number | undefined => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined);

/** In small enough pieces for all jobs of a node to stay within its limit. */
export function cutOf(config: JobConfig, { bytes: nodeLimit, segments }: LogLimits): Cut {
  const capacity = Math.min(logCapacityBytes(config), nodeLimit);
  const piece = Math.floor(Math.min(capacity / segments, nodeLimit / SHARES));
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
