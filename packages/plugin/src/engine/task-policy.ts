import { bool, int, option, type Reader, string, struct } from "../values/reader.ts";

/** How a task is run, where it says so (spec plugin-api.md §6 Do better, host-daemon DB-4.11). */
export interface TaskPolicy {
  /** Of its schedule, e.g. `UTC`; absent: the host's. */
  readonly timezone?: string;
  /** Each run begins up to so much later, at random: many nodes do not all do the same at the same time. */
  readonly jitter_secs?: number;
  /** Time that a run may take; absent: the host's limit for such functions. */
  readonly timeout_secs?: number;
  /** False: what is due while something else is done with the node is left out; else it runs afterwards, once. */
  readonly catch_up?: boolean;
}

export const policyFields = {
  timezone: option(string),
  jitter_secs: option(int("u32")),
  timeout_secs: option(int("u32")),
  catch_up: option(bool),
};

type Fields = { readonly [K in keyof TaskPolicy]-?: TaskPolicy[K] | null };

const fields = struct<Fields>(policyFields);

export const taskPolicy: Reader<TaskPolicy> = (value, path, problems) => policyOf(fields(value, path, problems));

/** What is said; nothing else is persisted. */
export function policyOf({ timezone, jitter_secs, timeout_secs, catch_up }: Partial<Fields>): TaskPolicy {
  return {
    ...(timezone == null ? {} : { timezone }),
    ...(jitter_secs == null ? {} : { jitter_secs }),
    ...(timeout_secs == null ? {} : { timeout_secs }),
    ...(catch_up == null ? {} : { catch_up }),
  };
}
