import type { PolledValues } from "./plugin.ts";

/** What the result of a function has to be; conversions are those of `worker/results.ts`. */
export type ResultType = "u64" | "f64" | "flag" | "text";

/** Functions that a node polls, and how each result is read (spec plugin-api.md §1.6). */
export const POLLED: { readonly [K in keyof PolledValues]: ResultType } = {
  height: "u64",
  block_age: "u64",
  name: "text",
  address: "text",
  consensus: "flag",
  apr: "f64",
  jailed: "flag",
  jailed_reason: "text",
  sqd_name: "text",
};

export const POLLED_NAMES = Object.keys(POLLED) as readonly (keyof PolledValues)[];

/** Functions that the platform calls on its own (spec plugin-api.md §1.6, §1.9). */
export const CALLED_BY_PLATFORM: readonly string[] = [
  "init",
  "upload",
  "plugin_config",
  "protocol_status",
  "application_status",
  ...POLLED_NAMES,
];
