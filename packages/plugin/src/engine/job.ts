/**
 * The shapes of jobs as scripts, babel and the files on disk see them (spec plugin-api.md §5.1–5.4).
 * Field names are those of the JSON; an absent value is `null`, never a missing key.
 */

export interface RestartConfig {
  readonly backoff_timeout_ms: number;
  readonly backoff_base_ms: number;
  /** `null` = unlimited. */
  readonly max_retries: number | null;
  /** Longest pause between two runs; `null` = 5 minutes. */
  readonly backoff_max_ms: number | null;
}

export type RestartPolicy = "never" | { readonly always: RestartConfig } | { readonly on_failure: RestartConfig };

/** `{"ZSTD": level}`. */
export interface Compression {
  readonly ZSTD: number;
}

export interface DownloadJob {
  readonly max_connections: number | null;
  readonly max_runners: number | null;
  readonly verify: DownloadCheck | null;
  readonly verify_on_resume: ResumeCheck | null;
}

/** What is looked at before a download counts as complete (babel-agent D4-22): that all is there, or all of it. */
export type DownloadCheck = "sizes" | "full";
/** What is looked at of what an earlier attempt wrote, before the download goes on (babel-agent §9.2). */
export type ResumeCheck = "sizes" | "sample" | "full";

/** How an archive is cut into stored objects. */
export type UploadLayout = "parts" | "cas";

export interface UploadJob {
  readonly exclude: readonly string[] | null;
  readonly compression: Compression | null;
  readonly max_connections: number | null;
  readonly max_runners: number | null;
  readonly number_of_chunks: number | null;
  readonly url_expires_secs: number | null;
  readonly data_version: number | null;
  readonly layout: UploadLayout | null;
  readonly allow_empty: boolean | null;
  readonly append_only: readonly string[] | null;
}

export interface MultiClientUploadJob {
  readonly max_connections: number | null;
  readonly max_runners: number | null;
  readonly url_expires_secs: number | null;
  readonly data_version: number | null;
}

export type JobType =
  | { readonly run_sh: string }
  | { readonly download: DownloadJob }
  | { readonly upload: UploadJob }
  | { readonly multi_client_download: DownloadJob }
  | { readonly multi_client_upload: MultiClientUploadJob };

export interface JobConfig {
  readonly job_type: JobType;
  readonly restart: RestartPolicy;
  readonly shutdown_timeout_secs: number | null;
  readonly shutdown_signal: string | null;
  readonly needs: readonly string[] | null;
  readonly wait_for: readonly string[] | null;
  readonly run_as: string | null;
  readonly log_buffer_capacity_mb: number | null;
  readonly log_timestamp: boolean | null;
  readonly use_protocol_data: boolean | null;
  readonly one_time: boolean | null;
  /** Of a shell job that brings the protocol data: which section of the config it is. Absent for all others, and for what scripts create. */
  readonly initializes_protocol_data?: "alternative-download" | "cold-init";
  /** Of a service: who needs or waits for it goes on as soon as it runs and this says so. Absent: when it has ended. (babel-agent.md D3-21) */
  readonly ready_check?: ReadyCheck;
}

/** A script that exits with 0, a port of the node that takes connections, or a URL that answers 2xx. */
export type ReadyCheck = { readonly sh: string } | { readonly tcp: number } | { readonly http: string };

export type JobStatus =
  | { readonly pending: { readonly waiting_for: readonly string[] } }
  | "running"
  | { readonly finished: { readonly exit_code: number | null; readonly message: string } }
  | "stopped";

export interface JobProgress {
  readonly total: number;
  readonly current: number;
  readonly message: string;
}

export interface JobInfo {
  readonly status: JobStatus;
  /** Start time if running, else the time of the last state change. */
  readonly timestamp: { readonly secs_since_epoch: number; readonly nanos_since_epoch: number };
  readonly progress: JobProgress | null;
  readonly restart_count: number;
  /** Runner events of the last 24 h, newest first. */
  readonly logs: readonly string[];
  readonly upgrade_blocking: boolean;
  /** Of a job that brings the protocol data: where from. */
  readonly stage?: DataStage;
}

/** The section of the config by which a job brings the protocol data: all of them run as the job `download`. */
export type DataStage = "download" | "alternative_download" | "cold_init";

export type JobsInfo = Readonly<Record<string, JobInfo>>;

/** It runs, or will when what it waits for has ended. */
export function isActive(status: JobStatus | undefined): boolean {
  return status === "running" || (typeof status === "object" && "pending" in status);
}
