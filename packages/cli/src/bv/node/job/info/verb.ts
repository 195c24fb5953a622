import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export const jobInfoVerb = verb<JobNodeOption, [job: string, node?: string]>({
  name: "info",
  summary: "show a job and what happened to it",
  arguments: [jobArgument, jobNodeArgument],
  options: [jobNodeOption],
  run: async (call) => (await import("./info.ts")).jobInfo(call),
});
