import { type Verb, verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface StopOptions extends JobNodeOption {
  readonly all?: true;
}

function jobVerb(action: "start" | "skip" | "cleanup", summary: string): Verb {
  return verb<JobNodeOption, [job: string, node?: string]>({
    name: action,
    summary,
    arguments: [jobArgument, jobNodeArgument],
    options: [jobNodeOption],
    run: async (call) => (await import("./control.ts")).controlJob(call, action),
  });
}

export const jobStartVerb = jobVerb("start", "start a job");
export const jobSkipVerb = jobVerb("skip", "stop a job and count it as finished, so that others can go on");
export const jobCleanupVerb = jobVerb("cleanup", "remove what an inactive job left behind");

export const jobStopVerb = verb<StopOptions, [job?: string, node?: string]>({
  name: "stop",
  summary: "stop a job, or all that run",
  arguments: [{ ...jobArgument, usage: "[job]" }, jobNodeArgument],
  options: [jobNodeOption, { flags: "-a, --all", summary: "every job that runs" }],
  run: async (call) => (await import("./control.ts")).stopJobs(call),
});
