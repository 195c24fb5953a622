import { rename, writeFile } from "node:fs/promises";
import type { Attempts } from "@blockvisor/jobs";
import { readBoundedSync, replaceFile } from "../files/durable.ts";

/** One execution of the payload. */
export type RunRecord = {
  /** Counts up per job, also over babel's and the container's restarts; names the run's folder and log segments. */
  readonly number: number;
  /** BV_RUN_ID of its processes. */
  readonly id: string;
  readonly boot: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly startedMonotonicMs: number;
  /** The cgroup's count of out-of-memory kills when the run began. */
  readonly oomKills: number;
  readonly end?: RunEnd;
};

export type RunEnd = {
  readonly at: number;
  readonly exitCode: number | null;
  readonly signal: string;
  readonly outOfMemory: boolean;
};

export type JobState =
  | { readonly kind: "stopped" }
  | { readonly kind: "pending"; readonly waitingFor: readonly string[] }
  | { readonly kind: "running"; readonly run: RunRecord }
  /** Between two runs; the next one begins at this monotonic time of this boot. */
  | { readonly kind: "backoff"; readonly dueMonotonicMs: number; readonly boot: string }
  | { readonly kind: "finished"; readonly exitCode: number | null; readonly message: string };

/** Why a running job is being stopped, and so what becomes of it afterwards. */
export type StopIntent = "stop" | "skip" | "shutdown";

/** `status.json`: all that is known of a job besides its config. */
export type JobRecord = {
  readonly version: 1;
  readonly state: JobState;
  readonly intent?: StopIntent;
  /** Unix milliseconds of the last change of state. */
  readonly changedAt: number;
  readonly runs: number;
  readonly attempts: Attempts;
  readonly lastRun?: RunRecord;
  readonly lastFailure?: string;
  /** It has finished only because a job that it needs failed: it is to run as soon as somebody sets that one going again. */
  readonly blocked?: true;
};

const LIMIT = 256 * 1024;

export async function loadRecord(path: string): Promise<JobRecord | undefined> {
  const text = readBoundedSync(path, LIMIT);
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text.toString("utf8"));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Written by babel alone; a file that is anything else (a newer version, damage) counts as absent. */
function isRecord(value: unknown): value is JobRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<Record<keyof JobRecord, unknown>>;
  const { state } = record;
  return (
    record.version === 1 &&
    typeof record.runs === "number" &&
    typeof state === "object" &&
    state !== null &&
    "kind" in state
  );
}

/**
 * `durable` survives a power loss. A run's start need not: after a power loss the container is another one, and the job, pending
 * or running, starts again. Without it the record still survives a kill of babel at any instant.
 */
export async function saveRecord(path: string, record: JobRecord, durable: boolean): Promise<void> {
  const text = JSON.stringify(record);
  if (durable) return replaceFile(path, text, { mode: 0o644 });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
