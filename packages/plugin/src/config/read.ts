import { RhaiMap, type Value } from "@blockvisor/rhai";
import { downloadFields, restartConfig, signal, uploadLayout } from "../engine/read-job.ts";
import { policyFields, policyOf } from "../engine/task-policy.ts";
import {
  array,
  bool,
  defaulted,
  identity,
  int,
  json,
  option,
  type Problem,
  type Reader,
  required,
  string,
  struct,
  taggedEnum,
} from "../values/reader.ts";
import type {
  Actions,
  AlternativeDownload,
  AuxService,
  ColdInit,
  Command,
  ConfigFile,
  Download,
  Job,
  JobRestart,
  PluginConfig,
  ScheduledTask,
  Service,
  Upload,
  UploadOverrides,
} from "./model.ts";

/* The MAP of `plugin_config()`, in the order in which the reference persists it (spec plugin-api.md §3.1–3.2, §3.6). */

const log = { log_buffer_capacity_mb: option(int("usize")), log_timestamp: option(bool) };

const shutdown = { shutdown_timeout_secs: option(int("u64")), shutdown_signal: option(signal) };

const configFileWithMode = struct<Omit<ConfigFile, "mode"> & { readonly mode: number | null }>({
  template: required(string),
  destination: required(string),
  params: required(json),
  mode: option(int("u16")),
});
/** The reference knows no mode: without one nothing is persisted of it. */
const configFile: Reader<ConfigFile> = (value, path, problems) => {
  const { mode, ...file } = configFileWithMode(value, path, problems);
  return mode === null ? file : { ...file, mode };
};

const auxService = struct<AuxService>({
  name: required(string),
  run_sh: required(string),
  restart_config: option(restartConfig),
  ...shutdown,
  run_as: option(string),
  ...log,
});

const archive = {
  exclude: option(array(string)),
  compression: option(taggedEnum<NonNullable<Upload["compression"]>>({ NONE: null, ZSTD: int("i32") })),
  number_of_chunks: option(int("u32")),
  layout: option(uploadLayout),
  allow_empty: option(bool),
  append_only: option(array(string)),
};

const service = struct<Service>({
  name: required(string),
  run_sh: required(string),
  restart_config: option(restartConfig),
  ...shutdown,
  run_as: option(string),
  use_protocol_data: defaulted(bool, true),
  ...log,
  data_dir: option(string),
  store_key: option(string),
  archive: defaulted(bool, true),
  upload: option(struct<UploadOverrides>(archive)),
});

const job = struct<Job>({
  name: required(string),
  run_sh: required(string),
  restart: option(taggedEnum<JobRestart>({ never: null, on_failure: restartConfig })),
  ...shutdown,
  needs: option(array(string)),
  run_as: option(string),
  ...log,
  use_protocol_data: option(bool),
  one_time: option(bool),
});

const limitedCommand = struct<Exclude<Command, string>>({ run: required(string), timeout: option(int("u32")) });

const command: Reader<Command> = (value, path, problems) =>
  value instanceof RhaiMap ? limitedCommand(value, path, problems) : string(value, path, problems);

const actions = struct<Actions>({ commands: required(array(command)), jobs: required(array(job)) });

const alternativeDownload = {
  run_sh: required(string),
  restart_config: option(restartConfig),
  run_as: option(string),
  ...log,
};

const connections = { max_connections: option(int("usize")), max_runners: option(int("usize")) };

const upload = struct<Upload>({
  restart_config: option(restartConfig),
  exclude: archive.exclude,
  compression: archive.compression,
  ...connections,
  number_of_chunks: archive.number_of_chunks,
  url_expires_secs: option(int("u32")),
  data_version: option(identity),
  layout: archive.layout,
  allow_empty: archive.allow_empty,
  append_only: archive.append_only,
});

const taskWithPolicy = struct({
  name: required(string),
  schedule: required(string),
  function: required(string),
  param: option(string),
  ...policyFields,
});
const task: Reader<ScheduledTask> = (value, path, problems) => {
  const { name, schedule, function: fn, param, ...policy } = taskWithPolicy(value, path, problems);
  return { name, schedule, function: fn, param, ...policyOf(policy) };
};

const pluginConfig = struct<PluginConfig>({
  config_files: option(array(configFile)),
  aux_services: option(array(auxService)),
  init: option(actions),
  download: option(struct<Download>({ restart_config: option(restartConfig), ...downloadFields })),
  alternative_download: option(struct<AlternativeDownload>(alternativeDownload)),
  post_download: option(array(job)),
  cold_init: option(struct<ColdInit>({ ...alternativeDownload, one_time: option(bool) })),
  services: required(array(service)),
  pre_upload: option(actions),
  upload: option(upload),
  post_upload: option(array(job)),
  scheduled: option(array(task)),
});

export interface ReadConfig {
  readonly config: PluginConfig;
  /** Empty = `config` is good. The first one is what the reference reports. */
  readonly errors: readonly Problem[];
  /** Keys that mean nothing. */
  readonly unknownKeys: readonly Problem[];
}

export function readPluginConfig(value: Value): ReadConfig {
  const problems: Problem[] = [];
  const config = pluginConfig(value, "", problems);
  return {
    config,
    errors: problems.filter((problem) => problem.kind === "error"),
    unknownKeys: problems.filter((problem) => problem.kind === "unknown-key"),
  };
}
