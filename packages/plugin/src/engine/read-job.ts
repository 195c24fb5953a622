import {
  array,
  bool,
  identity,
  int,
  option,
  type Reader,
  required,
  string,
  struct,
  taggedEnum,
} from "../values/reader.ts";
import type {
  Compression,
  DownloadCheck,
  DownloadJob,
  JobConfig,
  JobType,
  MultiClientUploadJob,
  ReadyCheck,
  RestartConfig,
  RestartPolicy,
  ResumeCheck,
  UploadJob,
  UploadLayout,
} from "./job.ts";
import { SIGNALS } from "./signals.ts";

/* Readers of the MAPs that scripts hand over as job configurations (spec plugin-api.md §5.1). */

export const restartConfig: Reader<RestartConfig> = struct<RestartConfig>({
  backoff_timeout_ms: required(int("u64")),
  backoff_base_ms: required(int("u64")),
  max_retries: option(int("u32")),
  backoff_max_ms: option(int("u64")),
});

export const signal: Reader<string> = taggedEnum<string>(Object.fromEntries(SIGNALS.map((name) => [name, null])));

export const uploadLayout: Reader<UploadLayout> = taggedEnum<UploadLayout>({ parts: null, cas: null });

const compression: Reader<Compression> = taggedEnum<Compression>({ ZSTD: int("i32") });

/** What `download` of a job and of a config have in common. */
export const downloadFields = {
  max_connections: option(int("usize")),
  max_runners: option(int("usize")),
  verify: option(taggedEnum<DownloadCheck>({ sizes: null, full: null })),
  verify_on_resume: option(taggedEnum<ResumeCheck>({ sizes: null, sample: null, full: null })),
};

const download = struct<DownloadJob>(downloadFields);

const jobType = taggedEnum<JobType>({
  run_sh: string,
  download,
  upload: struct<UploadJob>({
    exclude: option(array(string)),
    compression: option(compression),
    max_connections: option(int("usize")),
    max_runners: option(int("usize")),
    number_of_chunks: option(int("u32")),
    url_expires_secs: option(int("u32")),
    data_version: option(identity),
    layout: option(uploadLayout),
    allow_empty: option(bool),
    append_only: option(array(string)),
  }),
  multi_client_download: download,
  multi_client_upload: struct<MultiClientUploadJob>({
    max_connections: option(int("usize")),
    max_runners: option(int("usize")),
    url_expires_secs: option(int("u32")),
    data_version: option(identity),
  }),
});

const readyCheck: Reader<ReadyCheck> = taggedEnum<ReadyCheck>({ sh: string, tcp: int("u16"), http: string });

const jobConfigWithCheck = struct<Omit<JobConfig, "ready_check"> & { readonly ready_check: ReadyCheck | null }>({
  job_type: required(jobType),
  restart: required(taggedEnum<RestartPolicy>({ never: null, always: restartConfig, on_failure: restartConfig })),
  shutdown_timeout_secs: option(int("u64")),
  shutdown_signal: option(signal),
  needs: option(array(string)),
  wait_for: option(array(string)),
  run_as: option(string),
  log_buffer_capacity_mb: option(int("usize")),
  log_timestamp: option(bool),
  use_protocol_data: option(bool),
  one_time: option(bool),
  ready_check: option(readyCheck),
});

/** The reference knows no check: without one nothing is said of it. */
export const jobConfig: Reader<JobConfig> = (value, path, problems) => {
  const { ready_check: check, ...config } = jobConfigWithCheck(value, path, problems);
  return check === null ? config : { ...config, ready_check: check };
};
