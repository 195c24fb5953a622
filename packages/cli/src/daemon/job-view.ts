import type { JobJson, JobProgressJson, JobRunJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { bytesText } from "../output/bytes.ts";
import { durationText } from "../output/duration.ts";

type JobState = "pending" | "running" | "finished" | "stopped";

/** A job as `--format json` shows it. */
export interface JobView {
  readonly name: string;
  readonly state: JobState;
  readonly waiting_for: readonly string[];
  readonly exit_code: number | null;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string;
  readonly progress: JobProgressView | null;
  /** Of the last 24 hours; by the job's policy, and because its supervisor was lost. */
  readonly restart_count: number;
  readonly restarts: number;
  readonly runner_restarts: number;
  /** It was asked to stop, and has not ended yet. */
  readonly stopping: boolean;
  /** Of a job that runs and has a check: whether it is ready. */
  readonly ready: boolean | null;
  /** RFC 3339: between two runs, when the next one begins. */
  readonly restart_at: string | null;
  /** Why the last run that failed ended; kept while the job crash-loops. */
  readonly last_failure: string;
  readonly run: JobRunView | null;
  readonly needs: readonly string[];
  readonly wait_for: readonly string[];
  /** Of archive jobs; null where there is no cap. */
  readonly limits: { readonly max_connections: number | null; readonly max_bytes_per_second: number | null } | null;
  readonly upgrade_blocking: boolean;
  /** Of what it is defined as, and runs as. */
  readonly config_hash: string;
  /** Of the job that brings the protocol data, by which section of the config: download | alternative_download | cold_init; else null. */
  readonly stage: string | null;
  /** Events, newest first. */
  readonly logs: readonly string[];
}

export interface JobProgressView {
  /** Null: nobody knows yet. */
  readonly total: number | null;
  readonly current: number;
  readonly message: string;
  /** Units per second, over the last minute. */
  readonly rate: number | null;
  readonly eta_secs: number | null;
  /** Of archive jobs; bytes are uncompressed. */
  readonly transfer: {
    readonly bytes_total: number;
    readonly bytes_done: number;
    readonly bytes_per_sec: number;
    readonly phase: string;
  } | null;
}

interface JobRunView {
  /** Counts the job's runs; never reused. */
  readonly number: number;
  readonly pid: number | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly out_of_memory: boolean;
}

const states: Readonly<Record<string, JobState>> = {
  JOB_STATE_PENDING: "pending",
  JOB_STATE_RUNNING: "running",
  JOB_STATE_FINISHED: "finished",
  JOB_STATE_STOPPED: "stopped",
};

export function jobView(job: JobJson): JobView {
  const { progress, run, limits } = job;
  return {
    name: job.name ?? "",
    state: states[job.state ?? ""] ?? "stopped",
    waiting_for: job.waitingFor ?? [],
    exit_code: job.exitCode ?? null,
    message: job.message ?? "",
    since: job.since ?? "",
    progress: progress ? progressView(progress) : null,
    restart_count: job.restartCount ?? 0,
    restarts: job.restarts ?? 0,
    runner_restarts: job.runnerRestarts ?? 0,
    stopping: job.stopping ?? false,
    ready: job.ready ?? null,
    restart_at: job.restartAt ?? null,
    last_failure: job.lastFailure ?? "",
    run: run ? runView(run) : null,
    needs: job.needs ?? [],
    wait_for: job.waitFor ?? [],
    limits: limits
      ? {
          max_connections: limits.maxConnections ?? null,
          max_bytes_per_second: optionalNumber(limits.maxBytesPerSecond),
        }
      : null,
    upgrade_blocking: job.upgradeBlocking ?? false,
    config_hash: job.configHash ?? "",
    stage: job.stage || null,
    logs: job.logs ?? [],
  };
}

export function progressView({
  total,
  current,
  message,
  rate,
  etaSeconds,
  transfer,
}: JobProgressJson): JobProgressView {
  return {
    total: optionalNumber(total),
    current: Number(current ?? 0),
    message: message ?? "",
    rate: optionalNumber(rate),
    eta_secs: optionalNumber(etaSeconds),
    transfer: transfer
      ? {
          bytes_total: Number(transfer.bytesTotal ?? 0),
          bytes_done: Number(transfer.bytesDone ?? 0),
          bytes_per_sec: Number(transfer.bytesPerSecond ?? 0),
          phase: transfer.phase ?? "",
        }
      : null,
  };
}

function runView(run: JobRunJson): JobRunView {
  return {
    number: Number(run.number ?? 0),
    pid: run.pid || null,
    started_at: run.startedAt ?? null,
    ended_at: run.endedAt ?? null,
    exit_code: run.exitCode ?? null,
    signal: run.signal || null,
    out_of_memory: run.outOfMemory ?? false,
  };
}

const optionalNumber = (value: number | string | undefined): number | null =>
  value === undefined ? null : Number(value);

/** The state in words (host-daemon §2.2). */
export function jobStatusText(job: JobView): string {
  switch (job.state) {
    case "pending":
      return `Pending (waiting for: [${job.waiting_for.join(", ")}])`;
    case "running":
      if (job.stopping) return "Running (stopping)";
      if (job.restart_at !== null) return `Running (restarts ${fromNow(job.restart_at)})`;
      return job.ready === false ? "Running (not ready yet)" : "Running";
    case "stopped":
      return "Stopped";
    case "finished":
      if (job.exit_code === null) return job.message ? `Finished with message \`${job.message}\`` : "Finished";
      return `Finished with exit code ${job.exit_code}${job.message ? ` and message \`${job.message}\`` : ""}`;
  }
}

function fromNow(timestamp: string): string {
  const seconds = Math.ceil((Date.parse(timestamp) - Date.now()) / 1000);
  return seconds > 0 ? `in ${seconds} s` : "now";
}

/** `12.50% (1/8 chunks)`, and what is known of rate and remaining time: `12.50% (1/8 chunks), 118 MB/s, ETA 00:00:14`. */
export function jobProgressText(progress: JobProgressView): string {
  const { total, current, message, eta_secs: eta } = progress;
  const rate = progressRateText(progress);
  const amount = total === null ? amountText(current) : `${amountText(current)}/${amountText(total)}`;
  const counts = message ? `${amount} ${message}` : amount;
  const percent = total === null ? counts : `${percentOf(current, total).toFixed(2)}% (${counts})`;
  return `${percent}${rate === "" ? "" : `, ${rate}`}${eta === null ? "" : `, ETA ${durationText(Math.ceil(eta))}`}`;
}

/** A job may count down, or beyond what it announced. */
export const percentOf = (current: number, total: number): number =>
  total > 0 ? Math.min(100, Math.max(0, (current / total) * 100)) : 0;

/** `118 MB/s` of a transfer; else `0.52/s`, `1.3M/s` in the job's own units; empty when unknown. */
export function progressRateText({ rate, transfer }: Pick<JobProgressView, "rate" | "transfer">): string {
  if (transfer !== null) return transfer.bytes_per_sec > 0 ? `${bytesText(transfer.bytes_per_sec)}/s` : "";
  if (rate === null) return "";
  const [scale, unit] = rate >= 1e9 ? [1e9, "G"] : rate >= 1e6 ? [1e6, "M"] : rate >= 1e4 ? [1e3, "k"] : [1, ""];
  return `${Number((rate / scale).toPrecision(3))}${unit}/s`;
}

/** As a whole number, or with the digits that matter. */
const amountText = (value: number): string => String(Number(value.toFixed(2)));

/** `2025-01-31 12:00:00 UTC` */
export function utcTime(timestamp: string): string {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? "-" : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
