import type { JobConfig, JobType, RestartPolicy } from "./config.ts";

/** Keys in the order of the spec, which are all there; what is ours comes behind them, when it is said. (§3.1, §3.2, appendix A) */
const CONFIG = [
  ...["job_type", "restart", "shutdown_timeout_secs", "shutdown_signal", "needs", "wait_for", "run_as"],
  ...["log_buffer_capacity_mb", "log_timestamp", "use_protocol_data", "one_time"],
];
const RESTART = ["backoff_timeout_ms", "backoff_base_ms", "max_retries"];
const CAPS = ["max_connections", "max_runners"];
const TYPES: Readonly<Record<string, readonly string[]>> = {
  download: CAPS,
  upload: ["exclude", "compression", ...CAPS, "number_of_chunks", "url_expires_secs", "data_version"],
  multi_client_download: CAPS,
  multi_client_upload: [...CAPS, "url_expires_secs", "data_version"],
};

/** Text of `config.json`, as whoever looks into a node knows it. */
export const configText = (config: JobConfig): string =>
  JSON.stringify(
    withAll(CONFIG, { ...config, job_type: typeWithAll(config.job_type), restart: restartWithAll(config.restart) }),
  );

/** Null is as good as absent. Throws when it is no JSON; whether it is a config is for `checkJobConfig` to say. */
export const parseConfig = (text: string): JobConfig =>
  JSON.parse(text, (_key, value: unknown) => (value === null ? undefined : value)) as JobConfig;

function typeWithAll(type: JobType): object {
  const [[name, settings] = ["", ""]] = Object.entries(type);
  const keys = TYPES[name];
  return { [name]: keys === undefined ? settings : withAll(keys, settings) };
}

function restartWithAll(restart: RestartPolicy): string | object {
  if (restart === "never") return restart;
  return "always" in restart
    ? { always: withAll(RESTART, restart.always) }
    : { on_failure: withAll(RESTART, restart.on_failure) };
}

function withAll(keys: readonly string[], value: object): object {
  return { ...Object.fromEntries(keys.map((key) => [key, null])), ...value };
}
