import { count, moment } from "../../../../command/values.ts";
import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface LogsOptions extends JobNodeOption {
  readonly lines?: number;
  readonly follow?: true;
  /** RFC 3339. */
  readonly since?: string;
  readonly timestamps?: true;
  readonly previous?: true;
  readonly n?: number;
  readonly f?: true;
}

export const jobLogsVerb = verb<LogsOptions, [job?: string, node?: string]>({
  name: "logs",
  summary: "show what a job printed, or all jobs",
  examples: [
    ["bv node job logs node -f", "show the end and what comes, until Ctrl-C"],
    ["bv node job logs node --previous", "what the run before the current one printed: why it crashed"],
    ["bv node job logs --since 10m --timestamps", "what all jobs printed in the last ten minutes"],
  ],
  arguments: [{ ...jobArgument, usage: "[job]" }, jobNodeArgument],
  options: [
    {
      flags: "-l, --lines <number>",
      summary: "how many lines to begin with, of each job (default: 100)",
      parse: count,
    },
    { flags: "-f, --follow", summary: "go on with lines as they come" },
    {
      flags: "-s, --since <moment>",
      summary: "only what was printed since then: 10m, 2026-01-31T12:00:00Z",
      parse: moment,
    },
    { flags: "-t, --timestamps", summary: "when each line was printed; known of jobs with log_timestamp" },
    { flags: "-p, --previous", summary: "only the run of the job before the current or last one" },
    { flags: "--n <number>", summary: "like --lines", parse: count, hidden: true },
    { flags: "--f", summary: "like --follow", hidden: true },
    jobNodeOption,
  ],
  run: async (call) => (await import("./logs.ts")).jobLogs(call),
});
