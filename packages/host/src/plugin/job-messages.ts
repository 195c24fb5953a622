import type * as plugin from "@blockvisor/plugin";
import {
  JobConfigSchema,
  type JobInfo,
  type JobStatus,
  type JobTypeSchema,
  type ReadyCheck,
  type RestartPolicySchema,
} from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** Between the JSON shapes that scripts see (plugin-api §5) and babel's messages. */

type Init<T> = T extends null ? never : T;

/** Drops absent values, which are `null` in the scripts' shapes and missing keys in messages. */
function present<T extends Readonly<Record<string, unknown>>>(fields: T): { [K in keyof T]?: Init<T[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Init<T[K]> };
}

/** A config that an older version saved lacks what it did not know. */
const wide = (value: number | null | undefined): bigint | null => (value == null ? null : BigInt(value));

export function jobConfigMessage(name: string, config: plugin.JobConfig): MessageInitShape<typeof JobConfigSchema> {
  return {
    jobType: jobTypeMessage(config.job_type),
    restart: restartMessage(config.restart),
    needs: [...(config.needs ?? [])],
    waitFor: [...(config.wait_for ?? [])],
    ...present({
      shutdownTimeoutSecs: wide(config.shutdown_timeout_secs),
      shutdownSignal: config.shutdown_signal,
      runAs: config.run_as,
      logBufferCapacityMb: wide(config.log_buffer_capacity_mb),
      logTimestamp: config.log_timestamp,
      useProtocolData: config.use_protocol_data,
      oneTime: config.one_time,
    }),
    ...(config.ready_check ? { readyCheck: { check: readyCheckMessage(config.ready_check) } } : {}),
    // Alternative download and cold init are shell jobs under the reserved name; babel keeps the "incomplete" marker for them.
    ...(name === "download" && "run_sh" in config.job_type
      ? { initializesProtocolData: config.initializes_protocol_data ?? "alternative-download" }
      : {}),
  };
}

/** Whether both run the same, whatever they need and wait for. */
export function isSameJob(one: JobInfo["config"], other: MessageInitShape<typeof JobConfigSchema>): boolean {
  const free = { needs: [], waitFor: [] };
  return (
    one !== undefined && equals(JobConfigSchema, { ...one, ...free }, create(JobConfigSchema, { ...other, ...free }))
  );
}

function readyCheckMessage(check: plugin.ReadyCheck): ReadyCheck["check"] {
  if ("sh" in check) return { case: "sh", value: check.sh };
  return "tcp" in check ? { case: "tcp", value: check.tcp } : { case: "http", value: check.http };
}

function jobTypeMessage(type: plugin.JobType): MessageInitShape<typeof JobTypeSchema> {
  if ("run_sh" in type) return { kind: { case: "runSh", value: type.run_sh } };
  if ("download" in type) return { kind: { case: "download", value: download(type.download) } };
  if ("multi_client_download" in type) {
    return { kind: { case: "multiClientDownload", value: download(type.multi_client_download) } };
  }
  if ("multi_client_upload" in type) {
    return {
      kind: {
        case: "multiClientUpload",
        value: { ...transfer(type.multi_client_upload), ...slots(type.multi_client_upload) },
      },
    };
  }
  const { upload } = type;
  return {
    kind: {
      case: "upload",
      value: {
        ...transfer(upload),
        ...slots(upload),
        exclude: [...(upload.exclude ?? [])],
        appendOnly: [...(upload.append_only ?? [])],
        ...present({ numberOfChunks: upload.number_of_chunks, layout: upload.layout, allowEmpty: upload.allow_empty }),
        ...(upload.compression
          ? { compression: { compression: { case: "zstd" as const, value: upload.compression.ZSTD } } }
          : {}),
      },
    },
  };
}

function download(job: plugin.DownloadJob) {
  return { ...transfer(job), ...present({ verify: job.verify, verifyOnResume: job.verify_on_resume }) };
}

function transfer(job: { readonly max_connections: number | null; readonly max_runners: number | null }) {
  return present({ maxConnections: job.max_connections, maxRunners: job.max_runners });
}

function slots(job: { readonly url_expires_secs: number | null; readonly data_version: number | null }) {
  return present({ urlExpiresSecs: job.url_expires_secs, dataVersion: wide(job.data_version) });
}

function restartMessage(restart: plugin.RestartPolicy): MessageInitShape<typeof RestartPolicySchema> {
  if (restart === "never") return { policy: { case: "never", value: {} } };
  const [kind, config] =
    "always" in restart ? (["always", restart.always] as const) : (["onFailure", restart.on_failure] as const);
  return {
    policy: {
      case: kind,
      value: {
        backoffTimeoutMs: BigInt(config.backoff_timeout_ms),
        backoffBaseMs: BigInt(config.backoff_base_ms),
        ...present({ maxRetries: config.max_retries, backoffMaxMs: wide(config.backoff_max_ms) }),
      },
    },
  };
}

/** How a job brings the protocol data; undefined if it does not. */
export function stageOf(config: JobInfo["config"]): plugin.DataStage | undefined {
  const kind = config?.jobType?.kind.case;
  if (kind === "download" || kind === "multiClientDownload") return "download";
  switch (config?.initializesProtocolData) {
    case "cold-init":
      return "cold_init";
    case "alternative-download":
      return "alternative_download";
    default:
      return undefined;
  }
}

export function scriptJobInfo(info: JobInfo): plugin.JobInfo {
  const stage = stageOf(info.config);
  return {
    status: scriptJobStatus(info.status),
    timestamp: {
      secs_since_epoch: Number(info.timestamp?.seconds ?? 0n),
      nanos_since_epoch: info.timestamp?.nanos ?? 0,
    },
    progress: info.progress
      ? { total: info.progress.total ?? 0, current: info.progress.current, message: info.progress.message }
      : null,
    restart_count: info.restartCount,
    logs: info.logs,
    upgrade_blocking: info.upgradeBlocking,
    ...(stage === undefined ? {} : { stage }),
  };
}

function scriptJobStatus(message: JobStatus | undefined): plugin.JobStatus {
  const status = message?.status;
  switch (status?.case) {
    case "pending":
      return { pending: { waiting_for: status.value.waitingFor } };
    case "running":
      return "running";
    case "finished":
      return { finished: { exit_code: status.value.exitCode ?? null, message: status.value.message } };
    default:
      return "stopped";
  }
}

export function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp && new Date(Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6);
}
