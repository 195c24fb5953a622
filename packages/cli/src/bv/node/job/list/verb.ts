import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobNodeArgument, jobNodeOption } from "../options.ts";

export const jobListVerb = verb<JobNodeOption, [node?: string]>({
  name: "list",
  aliases: ["ls"],
  summary: "list the jobs of a node",
  arguments: [jobNodeArgument],
  options: [jobNodeOption],
  run: async (call) => (await import("./list.ts")).listJobs(call),
});
