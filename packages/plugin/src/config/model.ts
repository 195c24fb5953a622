import type { Compression, DownloadJob, RestartConfig, UploadLayout } from "../engine/job.ts";
import type { TaskPolicy } from "../engine/task-policy.ts";

/**
 * `plugin_config()` as the reference deserialises and persists it (spec plugin-api.md §3.1–3.6): every field present, defaults filled,
 * absent values `null`, keys in the persisted order.
 */
export interface PluginConfig {
  readonly config_files: readonly ConfigFile[] | null;
  readonly aux_services: readonly AuxService[] | null;
  readonly init: Actions | null;
  readonly download: Download | null;
  readonly alternative_download: AlternativeDownload | null;
  readonly post_download: readonly Job[] | null;
  readonly cold_init: ColdInit | null;
  readonly services: readonly Service[];
  readonly pre_upload: Actions | null;
  readonly upload: Upload | null;
  readonly post_upload: readonly Job[] | null;
  readonly scheduled: readonly ScheduledTask[] | null;
}

export interface ConfigFile {
  readonly template: string;
  readonly destination: string;
  /** JSON text of any value; only an object can be rendered. */
  readonly params: string;
  /** Permission bits of the destination, such as 0o600 for one with secrets; absent: it keeps its own, or gets 0o644. (D2-10) */
  readonly mode?: number;
}

export interface AuxService {
  readonly name: string;
  readonly run_sh: string;
  readonly restart_config: RestartConfig | null;
  readonly shutdown_timeout_secs: number | null;
  readonly shutdown_signal: string | null;
  readonly run_as: string | null;
  readonly log_buffer_capacity_mb: number | null;
  readonly log_timestamp: boolean | null;
}

export interface Service extends AuxService {
  readonly use_protocol_data: boolean;
  readonly data_dir: string | null;
  readonly store_key: string | null;
  readonly archive: boolean;
  /** What its own archive does otherwise than `upload` of the config says; null in it, or left out, keeps that. */
  readonly upload: UploadOverrides | null;
}

/** A shell command with 15 s to end, or with a limit of its own in seconds. */
export type Command = string | { readonly run: string; readonly timeout: number | null };

export interface Actions {
  readonly commands: readonly Command[];
  readonly jobs: readonly Job[];
}

export type JobRestart = "never" | { readonly on_failure: RestartConfig };

export interface Job {
  readonly name: string;
  readonly run_sh: string;
  readonly restart: JobRestart | null;
  readonly shutdown_timeout_secs: number | null;
  readonly shutdown_signal: string | null;
  readonly needs: readonly string[] | null;
  readonly run_as: string | null;
  readonly log_buffer_capacity_mb: number | null;
  readonly log_timestamp: boolean | null;
  readonly use_protocol_data: boolean | null;
  readonly one_time: boolean | null;
}

export interface Download extends DownloadJob {
  readonly restart_config: RestartConfig | null;
}

export interface AlternativeDownload {
  readonly run_sh: string;
  readonly restart_config: RestartConfig | null;
  readonly run_as: string | null;
  readonly log_buffer_capacity_mb: number | null;
  readonly log_timestamp: boolean | null;
}

export interface ColdInit extends AlternativeDownload {
  readonly one_time: boolean | null;
}

export interface Upload {
  readonly restart_config: RestartConfig | null;
  readonly exclude: readonly string[] | null;
  readonly compression: Compression | "NONE" | null;
  readonly max_connections: number | null;
  readonly max_runners: number | null;
  readonly number_of_chunks: number | null;
  readonly url_expires_secs: number | null;
  readonly data_version: number | null;
  /** `cas`: a version uploads only what changed since the last one (babel-agent §9.3); null: `parts`, which the reference reads. */
  readonly layout: UploadLayout | null;
  /** Whether a version without files may be published (babel-agent D5-14). */
  readonly allow_empty: boolean | null;
  /** Patterns of files that only grow; what they grow by while they are uploaded is left out (babel-agent §9.6). */
  readonly append_only: readonly string[] | null;
}

export type UploadOverrides = Pick<
  Upload,
  "exclude" | "append_only" | "compression" | "number_of_chunks" | "layout" | "allow_empty"
>;

export interface ScheduledTask extends TaskPolicy {
  readonly name: string;
  readonly schedule: string;
  readonly function: string;
  readonly param: string | null;
}
