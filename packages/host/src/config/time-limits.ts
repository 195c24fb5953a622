import { z } from "zod";

const seconds = z.number().positive().max(86_400);

/** `limits` of `blockvisor.json`: how long what may hang is waited for, in seconds (spec host-daemon DB-4.16, DB-4.17). */
export const timeLimitsSchema = z.looseObject({
  /** A function of a plugin that somebody calls, or a task. */
  plugin_call_secs: seconds.default(60),
  /** `init` and `upload` of a plugin, with the jobs that end for them. */
  plugin_init_secs: seconds.default(1_800),
  /** Each function that is asked for what is measured. */
  plugin_poll_secs: seconds.default(4),
  /** A node that did not stop in order, although its jobs' own time was over, is stopped by force after this. */
  stop_secs: seconds.default(120),
  /** What its jobs are left by force. */
  forced_stop_secs: seconds.default(5),
});

/** Milliseconds. */
export interface TimeLimits {
  readonly callMs: number;
  readonly initMs: number;
  readonly pollMs: number;
  readonly stopMs: number;
  readonly forcedStopMs: number;
}

export function timeLimitsOf(file: z.infer<typeof timeLimitsSchema>): TimeLimits {
  return {
    callMs: file.plugin_call_secs * 1000,
    initMs: file.plugin_init_secs * 1000,
    pollMs: file.plugin_poll_secs * 1000,
    stopMs: file.stop_secs * 1000,
    forcedStopMs: file.forced_stop_secs * 1000,
  };
}
