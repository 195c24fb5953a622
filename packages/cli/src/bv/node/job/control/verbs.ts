import { type Verb, verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface StartOptions extends JobNodeOption {
  readonly force?: true;
}

export interface StopOptions extends JobNodeOption {
  readonly all?: true;
}

function jobVerb(action: "skip" | "cleanup" | "reset", summary: string): Verb {
  return verb<JobNodeOption, [job: string, node?: string]>({
    name: action,
    summary,
    arguments: [jobArgument, jobNodeArgument],
    options: [jobNodeOption],
    run: async (call) => (await import("./control.ts")).controlJob(call, action),
  });
}

export const jobStartVerb = verb<StartOptions, [job: string, node?: string]>({
  name: "start",
  summary: "start a job",
  arguments: [jobArgument, jobNodeArgument],
  options: [
    jobNodeOption,
    { flags: "--force", summary: "also while an upload reads the data that the job uses; the upload begins again" },
  ],
  run: async (call) => (await import("./control.ts")).controlJob(call, "start"),
});
export const jobRestartVerb = verb<JobNodeOption, [job: string, node?: string]>({
  name: "restart",
  summary: "stop a job, if it runs, and start it again",
  arguments: [jobArgument, jobNodeArgument],
  options: [jobNodeOption],
  run: async (call) => (await import("./control.ts")).restartJob(call),
});
export const jobSkipVerb = jobVerb("skip", "stop a job and count it as finished, so that others can go on");
export const jobCleanupVerb = jobVerb("cleanup", "remove what an inactive job left behind");
export const jobResetVerb = jobVerb("reset", "forget the run of a one-time job, so that it can be started again");

export const jobStopVerb = verb<StopOptions, [job?: string, node?: string]>({
  name: "stop",
  summary: "stop a job, or all that run or wait",
  arguments: [{ ...jobArgument, usage: "[job]" }, jobNodeArgument],
  options: [jobNodeOption, { flags: "-a, --all", summary: "every job, in reverse order of their dependencies" }],
  run: async (call) => (await import("./control.ts")).stopJobs(call),
});

export const jobDeleteVerb = verb<JobNodeOption, [job: string, node?: string]>({
  name: "delete",
  aliases: ["rm"],
  summary: "stop a job and remove it, its status and its logs",
  arguments: [jobArgument, jobNodeArgument],
  options: [jobNodeOption],
  run: async (call) => (await import("./control.ts")).deleteJob(call),
});
