import { createHash } from "node:crypto";
import { blocksUpgrade } from "@blockvisor/jobs";
import * as pb from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { invalid } from "../failure.ts";
import {
  canonical,
  type DownloadSettings,
  type JobConfig,
  type JobType,
  type ReadyCheck,
  type RestartConfig,
  type RestartPolicy,
} from "../jobs/config.ts";
import { formatEvent } from "../jobs/events.ts";
import type { Job } from "../jobs/job.ts";
import { effectiveLimits, type TransferLimits } from "../jobs/limits.ts";
import { isArchive } from "../jobs/program.ts";
import { payloadIdentity, runFolder } from "../jobs/run.ts";
import { monotonicMs } from "../process/identity.ts";
import { timestampOf } from "./timestamp.ts";

/** Job config as it is on the wire, in the spec's shape. Absent is absent, not null. */
export function jobConfigOf(name: string, message: pb.JobConfig | undefined): JobConfig {
  if (message === undefined) throw invalid("job-config-invalid", `job '${name}': config is missing`);
  return present({
    job_type: jobTypeOf(name, message.jobType),
    restart: restartOf(name, message.restart),
    shutdown_timeout_secs: numeric(message.shutdownTimeoutSecs),
    shutdown_signal: message.shutdownSignal,
    needs: message.needs.length === 0 ? undefined : message.needs,
    wait_for: message.waitFor.length === 0 ? undefined : message.waitFor,
    run_as: message.runAs || undefined,
    log_buffer_capacity_mb: numeric(message.logBufferCapacityMb),
    log_timestamp: message.logTimestamp,
    use_protocol_data: message.useProtocolData,
    one_time: message.oneTime,
    initializes_protocol_data: message.initializesProtocolData || undefined,
    ready_check: readyCheckOf(name, message.readyCheck),
  });
}

function readyCheckOf(name: string, message: pb.ReadyCheck | undefined): ReadyCheck | undefined {
  const check = message?.check;
  switch (check?.case) {
    case "sh":
      return { sh: check.value };
    case "tcp":
      return { tcp: check.value };
    case "http":
      return { http: check.value };
    default:
      if (message === undefined) return undefined;
      throw invalid("job-config-invalid", `job '${name}': ready_check says nothing`);
  }
}

function readyCheckMessage(check: ReadyCheck): pb.ReadyCheck["check"] {
  if ("sh" in check) return { case: "sh", value: check.sh };
  return "tcp" in check ? { case: "tcp", value: check.tcp } : { case: "http", value: check.http };
}

function jobTypeOf(name: string, message: pb.JobType | undefined): JobType {
  const kind = message?.kind;
  switch (kind?.case) {
    case "runSh":
      return { run_sh: kind.value };
    case "download":
      return { download: downloadOf(name, kind.value) };
    case "multiClientDownload":
      return { multi_client_download: downloadOf(name, kind.value) };
    case "upload": {
      const { exclude, appendOnly, compression, numberOfChunks, urlExpiresSecs, dataVersion, layout, allowEmpty } =
        kind.value;
      return {
        upload: present({
          ...transfer(kind.value),
          exclude: exclude.length === 0 ? undefined : exclude,
          append_only: appendOnly.length === 0 ? undefined : appendOnly,
          compression: compression?.compression.case === "zstd" ? { ZSTD: compression.compression.value } : undefined,
          number_of_chunks: numberOfChunks,
          url_expires_secs: urlExpiresSecs,
          data_version: numeric(dataVersion),
          layout: oneOf(name, "layout", layout, ["parts", "cas"]),
          allow_empty: allowEmpty,
        }),
      };
    }
    case "multiClientUpload": {
      const { urlExpiresSecs, dataVersion } = kind.value;
      const settings = { url_expires_secs: urlExpiresSecs, data_version: numeric(dataVersion) };
      return { multi_client_upload: present({ ...transfer(kind.value), ...settings }) };
    }
    default:
      throw invalid("job-config-invalid", `job '${name}': job_type is missing`);
  }
}

type Caps = {
  readonly maxConnections?: number | undefined;
  readonly maxBytesPerSecond?: bigint | undefined;
};

export const limitsOf = (settings: Caps) =>
  present({
    max_connections: settings.maxConnections,
    max_bytes_per_second: numeric(settings.maxBytesPerSecond),
  });

function downloadOf(name: string, settings: pb.DownloadJob | pb.MultiClientDownloadJob): DownloadSettings {
  return present({
    ...transfer(settings),
    verify: oneOf(name, "verify", settings.verify, ["sizes", "full"]),
    verify_on_resume: oneOf(name, "verify_on_resume", settings.verifyOnResume, ["sizes", "sample", "full"]),
  });
}

function oneOf<T extends string>(name: string, key: string, word: string | undefined, known: readonly T[]) {
  const found = known.find((each) => each === word);
  if (word === undefined || found !== undefined) return found;
  const use = `Use ${known.map((each) => `\`${each}\``).join(" or ")}.`;
  throw invalid("job-config-invalid", `job '${name}': unknown ${key} '${word.slice(0, 60)}'`, use);
}

const transfer = (settings: Caps & { readonly maxRunners?: number | undefined }) =>
  present({ ...limitsOf(settings), max_runners: settings.maxRunners });

function restartOf(name: string, message: pb.RestartPolicy | undefined): RestartPolicy {
  const policy = message?.policy;
  switch (policy?.case) {
    case "never":
      return "never";
    case "always":
      return { always: backoffOf(policy.value) };
    case "onFailure":
      return { on_failure: backoffOf(policy.value) };
    default:
      throw invalid("job-config-invalid", `job '${name}': restart is missing`);
  }
}

const backoffOf = (message: pb.RestartConfig): RestartConfig =>
  present({
    backoff_timeout_ms: Number(message.backoffTimeoutMs),
    backoff_base_ms: Number(message.backoffBaseMs),
    max_retries: message.maxRetries,
    backoff_max_ms: numeric(message.backoffMaxMs),
  });

/** The way back, for callers that want to see what a job is. */
function jobConfigMessage(config: JobConfig): pb.JobConfig {
  return create(
    pb.JobConfigSchema,
    present({
      jobType: create(pb.JobTypeSchema, { kind: jobTypeMessage(config.job_type) }),
      restart: create(pb.RestartPolicySchema, { policy: restartMessage(config.restart) }),
      shutdownTimeoutSecs: big(config.shutdown_timeout_secs),
      shutdownSignal: config.shutdown_signal,
      needs: config.needs && [...config.needs],
      waitFor: config.wait_for && [...config.wait_for],
      runAs: config.run_as,
      logBufferCapacityMb: big(config.log_buffer_capacity_mb),
      logTimestamp: config.log_timestamp,
      useProtocolData: config.use_protocol_data,
      oneTime: config.one_time,
      initializesProtocolData: config.initializes_protocol_data,
      readyCheck: config.ready_check && create(pb.ReadyCheckSchema, { check: readyCheckMessage(config.ready_check) }),
    }),
  );
}

function jobTypeMessage(type: JobType): pb.JobType["kind"] {
  if ("run_sh" in type) return { case: "runSh", value: type.run_sh };
  if ("download" in type)
    return { case: "download", value: create(pb.DownloadJobSchema, downloadMessage(type.download)) };
  if ("multi_client_download" in type) {
    const value = create(pb.MultiClientDownloadJobSchema, downloadMessage(type.multi_client_download));
    return { case: "multiClientDownload", value };
  }
  if ("multi_client_upload" in type) {
    const { url_expires_secs, data_version, ...rest } = type.multi_client_upload;
    const settings = { ...caps(rest), urlExpiresSecs: url_expires_secs, dataVersion: big(data_version) };
    return { case: "multiClientUpload", value: create(pb.MultiClientUploadJobSchema, present(settings)) };
  }
  const { exclude, append_only, compression, number_of_chunks, url_expires_secs, data_version, ...rest } = type.upload;
  const { layout, allow_empty } = rest;
  const settings = present({
    ...caps(rest),
    exclude: exclude && [...exclude],
    appendOnly: append_only && [...append_only],
    compression: compression && { compression: { case: "zstd" as const, value: compression.ZSTD } },
    numberOfChunks: number_of_chunks,
    urlExpiresSecs: url_expires_secs,
    dataVersion: big(data_version),
    layout,
    allowEmpty: allow_empty,
  });
  return { case: "upload", value: create(pb.UploadJobSchema, settings) };
}

const downloadMessage = ({ verify, verify_on_resume, ...rest }: DownloadSettings) =>
  present({ ...caps(rest), verify, verifyOnResume: verify_on_resume });

const caps = (settings: TransferLimits & { readonly max_runners?: number }) =>
  present({
    maxConnections: settings.max_connections,
    maxRunners: settings.max_runners,
    maxBytesPerSecond: big(settings.max_bytes_per_second),
  });

function restartMessage(policy: RestartPolicy): pb.RestartPolicy["policy"] {
  if (policy === "never") return { case: "never", value: create(pb.RestartPolicy_NeverSchema) };
  return "always" in policy
    ? { case: "always", value: backoffMessage(policy.always) }
    : { case: "onFailure", value: backoffMessage(policy.on_failure) };
}

const backoffMessage = (config: RestartConfig): pb.RestartConfig =>
  create(
    pb.RestartConfigSchema,
    present({
      backoffTimeoutMs: BigInt(config.backoff_timeout_ms),
      backoffBaseMs: BigInt(config.backoff_base_ms),
      maxRetries: config.max_retries,
      backoffMaxMs: big(config.backoff_max_ms),
    }),
  );

export function jobStatusMessage(job: Job): pb.JobStatus {
  const { state } = job.record;
  switch (state.kind) {
    case "stopped":
      return create(pb.JobStatusSchema, { status: { case: "stopped", value: {} } });
    case "pending":
      return create(pb.JobStatusSchema, { status: { case: "pending", value: { waitingFor: [...state.waitingFor] } } });
    case "running":
      return create(pb.JobStatusSchema, {
        status: { case: "running", value: present({ stopping: job.stopping, ready: job.ready }) },
      });
    case "backoff": {
      const restartAt = timestampOf(Date.now() + Math.max(0, state.dueMonotonicMs - monotonicMs()));
      return create(pb.JobStatusSchema, { status: { case: "running", value: { stopping: job.stopping, restartAt } } });
    }
    case "finished": {
      const value = { message: state.message, ...(state.exitCode === null ? {} : { exitCode: state.exitCode }) };
      return create(pb.JobStatusSchema, { status: { case: "finished", value } });
    }
  }
}

/** All that is told of them is of one moment: what has to be waited for comes first. */
export async function jobInfoMessages(jobs: readonly Job[]): Promise<pb.JobInfo[]> {
  const files = await Promise.all(jobs.map(readFiles));
  return jobs.map((job, index) => jobInfoMessage(job, files[index]!));
}

const readFiles = async (job: Job) => ({
  progress: await job.progress.read(),
  limits: isArchive(job.config) ? caps(await effectiveLimits(job.folder, job.config)) : undefined,
});

function jobInfoMessage(job: Job, { progress, limits }: Awaited<ReturnType<typeof readFiles>>): pb.JobInfo {
  const { record, config } = job;
  const events = job.events.recent();
  const restarts = events.filter((event) => event.kind === "restart").length;
  const losses = events.filter((event) => event.kind === "loss").length;
  const running = record.state.kind === "running" || record.state.kind === "backoff";
  return create(
    pb.JobInfoSchema,
    present({
      name: job.name,
      status: jobStatusMessage(job),
      timestamp: timestampOf(running ? (record.lastRun?.startedAt ?? record.changedAt) : record.changedAt),
      progress:
        progress &&
        create(
          pb.JobProgressSchema,
          present({
            total: progress.total,
            current: progress.current,
            message: progress.message,
            rate: running ? progress.rate : undefined,
            transfer: progress.transfer && {
              ...progress.transfer,
              bytesPerSecond: running ? progress.transfer.bytesPerSecond : 0,
              bytesTotal: BigInt(progress.transfer.bytesTotal),
              bytesDone: BigInt(progress.transfer.bytesDone),
            },
            eta:
              progress.etaSeconds === undefined || !running
                ? undefined
                : durationFromMs(Math.round(progress.etaSeconds * 1000)),
          }),
        ),
      restartCount: restarts + losses,
      restarts,
      runnerRestarts: losses,
      logs: events.map(formatEvent),
      upgradeBlocking: blocksUpgrade(config.restart),
      config: jobConfigMessage(config),
      configHash: createHash("sha256").update(canonical(config)).digest("hex").slice(0, 12),
      run: runMessage(job),
      lastFailure: record.lastFailure ?? "",
      limits: limits && create(pb.TransferLimitsSchema, limits),
    }),
  );
}

function runMessage(job: Job): pb.JobRun | undefined {
  const run = job.record.lastRun;
  if (run === undefined) return undefined;
  return create(
    pb.JobRunSchema,
    present({
      number: BigInt(run.number),
      id: run.id,
      pid: payloadIdentity(runFolder(job.folder, run.number))?.pid ?? 0,
      startedAt: timestampOf(run.startedAt),
      endedAt: run.end && timestampOf(run.end.at),
      exitCode: run.end?.exitCode ?? undefined,
      signal: run.end?.signal ?? "",
      outOfMemory: run.end?.outOfMemory ?? false,
    }),
  );
}

const numeric = (value: bigint | undefined): number | undefined => {
  if (value === undefined) return undefined;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid("number-too-large", `number too large: ${value}`);
  return Number(value);
};
const big = (value: number | undefined): bigint | undefined => (value === undefined ? undefined : BigInt(value));

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the members that are undefined. */
function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>;
}
