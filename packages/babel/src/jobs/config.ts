import { signalNamed } from "@blockvisor/jobs";
import { invalid } from "../failure.ts";

/** What a job is, in the spec's own shape: `config.json`, and the argument of `create_job`. (babel-agent §3.1, §3.2) */
export type JobConfig = {
  readonly job_type: JobType;
  readonly restart: RestartPolicy;
  readonly shutdown_timeout_secs?: number;
  readonly shutdown_signal?: string;
  readonly needs?: readonly string[];
  readonly wait_for?: readonly string[];
  readonly run_as?: string;
  readonly log_buffer_capacity_mb?: number;
  readonly log_timestamp?: boolean;
  readonly use_protocol_data?: boolean;
  readonly one_time?: boolean;
  readonly initializes_protocol_data?: string;
  /** Who needs or waits for the job goes on as soon as it runs and this says so, without waiting for its end. (D3-21) */
  readonly ready_check?: ReadyCheck;
};

/** A script that exits with 0, a port of the node that takes connections, or a URL that answers 2xx. */
export type ReadyCheck = { readonly sh: string } | { readonly tcp: number } | { readonly http: string };

export type JobType =
  | { readonly run_sh: string }
  | { readonly download: DownloadSettings }
  | { readonly upload: UploadSettings }
  | { readonly multi_client_download: DownloadSettings }
  | { readonly multi_client_upload: MultiClientUploadSettings };

type TransferSettings = {
  readonly max_connections?: number;
  readonly max_runners?: number;
  readonly max_bytes_per_second?: number;
};
export type DownloadSettings = TransferSettings & {
  /** `full`: what was written is read again, and compared with what the archive says, before it is complete. (D4-22) */
  readonly verify?: "sizes" | "full";
  /** What is looked at of what an earlier attempt wrote, before the download goes on. (§9.2) */
  readonly verify_on_resume?: "sizes" | "sample" | "full";
};
type UploadSettings = TransferSettings & {
  readonly exclude?: readonly string[];
  /** Files that only grow: what they grow by while they are uploaded is left out. (§9.6) */
  readonly append_only?: readonly string[];
  readonly compression?: { readonly ZSTD: number };
  readonly number_of_chunks?: number;
  readonly url_expires_secs?: number;
  readonly data_version?: number;
  /** `cas`: chunks by content, so that a version uploads only what changed. (§9.3) */
  readonly layout?: "parts" | "cas";
  /** An archive without files may be published. (D5-14) */
  readonly allow_empty?: boolean;
};
type MultiClientUploadSettings = TransferSettings & {
  readonly url_expires_secs?: number;
  readonly data_version?: number;
};

export type RestartPolicy = "never" | { readonly always: RestartConfig } | { readonly on_failure: RestartConfig };
export type RestartConfig = {
  readonly backoff_timeout_ms: number;
  readonly backoff_base_ms: number;
  readonly max_retries?: number;
  readonly backoff_max_ms?: number;
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** One argument of a program may have 128 KiB on Linux. */
const BODY_LIMIT = 128 * 1024 - 1;
const DEPENDENCY_LIMIT = 64;

/** A job's name is a folder and a process argument. (D3-15) */
export function checkJobName(name: string): void {
  if (NAME.test(name)) return;
  if (name.trim() === "") throw invalid("job-name-invalid", "empty job name is not allowed");
  throw invalid(
    "job-name-invalid",
    `invalid job name ${JSON.stringify(name.slice(0, 100))}`,
    "Use 1 to 64 letters, digits, `_`, `.` or `-`, beginning with a letter or digit.",
  );
}

/** Refuses what could only fail later. */
export function checkJobConfig(name: string, config: JobConfig): void {
  const refuse = (what: string, hint?: string): never => {
    throw invalid("job-config-invalid", `job '${name}': ${what}`, hint);
  };
  if (config.shutdown_signal !== undefined && signalNamed(config.shutdown_signal) === undefined) {
    refuse(`unknown shutdown_signal '${config.shutdown_signal}'`, "Use a name such as SIGTERM or SIGINT.");
  }
  for (const dependency of [...(config.needs ?? []), ...(config.wait_for ?? [])]) {
    if (!NAME.test(dependency)) refuse(`invalid name of a dependency: ${JSON.stringify(dependency.slice(0, 100))}`);
  }
  if ((config.needs?.length ?? 0) + (config.wait_for?.length ?? 0) > DEPENDENCY_LIMIT) {
    refuse(`more than ${DEPENDENCY_LIMIT} dependencies`);
  }
  const fault = config.ready_check && faultOf(config.ready_check);
  if (fault !== undefined) refuse(`ready_check: ${fault}`);
  const body = scriptOf(config);
  if (config.ready_check !== undefined && body === undefined) refuse("ready_check is for run_sh jobs");
  if (body === "") refuse("run_sh is empty");
  if (body !== undefined && Buffer.byteLength(body) > BODY_LIMIT) {
    refuse(`run_sh has more than ${BODY_LIMIT} bytes`, "Put the script into the image, or write it with file_write.");
  }
  if (body?.includes("\0")) refuse("run_sh contains a NUL byte");
}

function faultOf(check: ReadyCheck): string | undefined {
  if ("tcp" in check) {
    const isPort = Number.isInteger(check.tcp) && check.tcp >= 1 && check.tcp <= 65_535;
    return isPort ? undefined : `${check.tcp} is no port`;
  }
  if ("http" in check)
    return /^https?:$/.test(URL.parse(check.http)?.protocol ?? "") ? undefined : "not an http(s) URL";
  if (normalizeScript(check.sh) === "") return "sh is empty";
  return Buffer.byteLength(check.sh) > BODY_LIMIT ? `sh has more than ${BODY_LIMIT} bytes` : undefined;
}

/** Script of a `run_sh` job, trailing `\` and `&&` taken off. (§2.1) */
export function scriptOf(config: JobConfig): string | undefined {
  return "run_sh" in config.job_type ? normalizeScript(config.job_type.run_sh) : undefined;
}

export function normalizeScript(body: string): string {
  const unslashed = body.trim().replace(/\\+$/, "").trim();
  return (unslashed.endsWith("&&") ? unslashed.replace(/(?:&&)+$/, "") : unslashed).trim();
}

export const shutdownTimeoutMs = (config: JobConfig): number => (config.shutdown_timeout_secs ?? 60) * 1000;
export const shutdownSignal = (config: JobConfig): NodeJS.Signals =>
  signalNamed(config.shutdown_signal ?? "SIGTERM") ?? "SIGTERM";
export const logCapacityBytes = (config: JobConfig): number =>
  Math.max(1, Math.min(config.log_buffer_capacity_mb ?? 128, 1_000_000)) * 1_000_000;

export const sameConfig = (a: JobConfig, b: JobConfig): boolean => canonical(a) === canonical(b);

/** JSON with sorted keys and without absent values: the same for configs that mean the same. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
