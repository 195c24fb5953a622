import type { DownloadJob, JobConfig, JobType, RestartConfig, RestartPolicy } from "../engine/job.ts";
import type { AlternativeDownload, AuxService, ColdInit, Job, PluginConfig, Service } from "./model.ts";

/* From the parts of a config to the jobs that babel runs (the table of spec plugin-api.md §3.4). */

export const DOWNLOAD_JOB = "download";
export const UPLOAD_JOB = "upload";

export interface PlannedJob {
  readonly name: string;
  readonly config: JobConfig;
}

/** Names of the jobs of the stage before. */
export type Stage = readonly string[];

const SERVICE_RESTART: RestartConfig = {
  backoff_timeout_ms: 60_000,
  backoff_base_ms: 1_000,
  max_retries: null,
  backoff_max_ms: null,
};
const ARCHIVE_RESTART: RestartConfig = {
  backoff_timeout_ms: 600_000,
  backoff_base_ms: 500,
  max_retries: 10,
  backoff_max_ms: null,
};

const DEFAULT_COMPRESSION = { ZSTD: 3 };

function jobConfig(jobType: JobType, restart: RestartPolicy, rest: Partial<JobConfig> = {}): JobConfig {
  return {
    job_type: jobType,
    restart,
    shutdown_timeout_secs: rest.shutdown_timeout_secs ?? null,
    shutdown_signal: rest.shutdown_signal ?? null,
    needs: rest.needs ?? null,
    wait_for: rest.wait_for ?? null,
    run_as: rest.run_as ?? null,
    log_buffer_capacity_mb: rest.log_buffer_capacity_mb ?? null,
    log_timestamp: rest.log_timestamp ?? null,
    use_protocol_data: rest.use_protocol_data ?? null,
    one_time: rest.one_time ?? null,
    ...(rest.initializes_protocol_data && { initializes_protocol_data: rest.initializes_protocol_data }),
  };
}

export function auxServiceJob(service: AuxService): PlannedJob {
  const restart = { always: service.restart_config ?? SERVICE_RESTART };
  return {
    name: service.name,
    config: jobConfig({ run_sh: service.run_sh }, restart, { ...process(service), use_protocol_data: false }),
  };
}

/** At init a service needs the stage before when it uses protocol data; after an upload it only waits for the last stage, however that ended. */
export function serviceJob(
  service: Service,
  stage: { readonly needs: Stage } | { readonly waitFor: Stage },
): PlannedJob {
  const order = "needs" in stage ? { needs: stage.needs, wait_for: [] } : { needs: [], wait_for: stage.waitFor };
  return {
    name: service.name,
    config: jobConfig(
      { run_sh: service.run_sh },
      { always: service.restart_config ?? SERVICE_RESTART },
      { ...process(service), ...(service.use_protocol_data && order), use_protocol_data: service.use_protocol_data },
    ),
  };
}

/** A job of init, post_download, pre_upload or post_upload; `stage` comes after its own needs. */
export function stageJob(job: Job, stage: Stage): PlannedJob {
  return {
    name: job.name,
    config: jobConfig({ run_sh: job.run_sh }, job.restart ?? "never", {
      ...process(job),
      needs: [...(job.needs ?? []), ...stage],
      use_protocol_data: job.use_protocol_data,
      one_time: job.one_time,
    }),
  };
}

/** Its data belong to the user that all services with protocol data run as, if it is one. (babel-agent.md D4-24) */
export function downloadJob({ download, services }: PluginConfig, stage: Stage): PlannedJob {
  const job = archiveJob(DOWNLOAD_JOB, { download: settingsOf(download) }, download?.restart_config, stage);
  const users = new Set(services.filter((service) => service.use_protocol_data).map(({ run_as }) => run_as));
  const [user = null] = users.size === 1 ? users : [];
  return { ...job, config: { ...job.config, run_as: user } };
}

export function multiClientDownloadJob({ download }: PluginConfig, stage: Stage): PlannedJob {
  return archiveJob(DOWNLOAD_JOB, { multi_client_download: settingsOf(download) }, download?.restart_config, stage);
}

const settingsOf = (download: PluginConfig["download"]): DownloadJob => ({
  max_connections: download?.max_connections ?? null,
  max_runners: download?.max_runners ?? null,
  verify: download?.verify ?? null,
  verify_on_resume: download?.verify_on_resume ?? null,
});

/** `alternative_download`, which runs as the job `download`. */
export function alternativeDownloadJob(section: AlternativeDownload, stage: Stage): PlannedJob {
  return shellDownloadJob(section, stage, { initializes_protocol_data: "alternative-download" });
}

/** `cold_init`, which runs as the job `download` too. */
export function coldInitJob(section: ColdInit, stage: Stage): PlannedJob {
  return shellDownloadJob(section, stage, { one_time: section.one_time, initializes_protocol_data: "cold-init" });
}

function shellDownloadJob(section: AlternativeDownload, stage: Stage, rest: Partial<JobConfig>): PlannedJob {
  const restart: RestartPolicy = section.restart_config ? { on_failure: section.restart_config } : "never";
  return {
    name: DOWNLOAD_JOB,
    config: jobConfig({ run_sh: section.run_sh }, restart, {
      needs: stage,
      run_as: section.run_as,
      log_buffer_capacity_mb: section.log_buffer_capacity_mb,
      log_timestamp: section.log_timestamp,
      ...rest,
    }),
  };
}

export function uploadJob({ upload }: PluginConfig, stage: Stage): PlannedJob {
  const compression = upload?.compression ?? DEFAULT_COMPRESSION;
  const jobType: JobType = {
    upload: {
      exclude: upload?.exclude ?? null,
      compression: compression === "NONE" ? null : compression,
      max_connections: upload?.max_connections ?? null,
      max_runners: upload?.max_runners ?? null,
      number_of_chunks: upload?.number_of_chunks ?? null,
      url_expires_secs: upload?.url_expires_secs ?? null,
      data_version: upload?.data_version ?? null,
      layout: upload?.layout ?? null,
      allow_empty: upload?.allow_empty ?? null,
      append_only: upload?.append_only ?? null,
    },
  };
  return archiveJob(UPLOAD_JOB, jobType, upload?.restart_config, stage);
}

export function multiClientUploadJob({ upload }: PluginConfig, stage: Stage): PlannedJob {
  const jobType: JobType = {
    multi_client_upload: {
      max_connections: upload?.max_connections ?? null,
      max_runners: upload?.max_runners ?? null,
      url_expires_secs: upload?.url_expires_secs ?? null,
      data_version: upload?.data_version ?? null,
    },
  };
  return archiveJob(UPLOAD_JOB, jobType, upload?.restart_config, stage);
}

function archiveJob(
  name: string,
  jobType: JobType,
  restart: RestartConfig | null | undefined,
  stage: Stage,
): PlannedJob {
  return { name, config: jobConfig(jobType, { on_failure: restart ?? ARCHIVE_RESTART }, { needs: stage }) };
}

/** Fields that go through to the job as they are. */
function process(part: AuxService | Job): Partial<JobConfig> {
  const { shutdown_timeout_secs, shutdown_signal, run_as, log_buffer_capacity_mb, log_timestamp } = part;
  return { shutdown_timeout_secs, shutdown_signal, run_as, log_buffer_capacity_mb, log_timestamp };
}
