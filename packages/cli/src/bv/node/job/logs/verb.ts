import { count } from "../../../../command/values.ts";
import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface LogsOptions extends JobNodeOption {
  readonly lines?: number;
  readonly follow?: true;
  readonly n?: number;
  readonly f?: true;
}

export const jobLogsVerb = verb<LogsOptions, [job?: string, node?: string]>({
  name: "logs",
  summary: "show what a job printed, or all jobs",
  examples: [["bv node job logs node -f", "show the end and what comes, until Ctrl-C"]],
  arguments: [{ ...jobArgument, usage: "[job]" }, jobNodeArgument],
  options: [
    {
      flags: "-l, --lines <number>",
      summary: "how many lines to begin with, of each job (default: 100)",
      parse: count,
    },
    { flags: "-f, --follow", summary: "go on with lines as they come" },
    { flags: "--n <number>", summary: "like --lines", parse: count, hidden: true },
    { flags: "--f", summary: "like --follow", hidden: true },
    jobNodeOption,
  ],
  run: async (call) => (await import("./logs.ts")).jobLogs(call),
});
