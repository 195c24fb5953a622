import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface InfoOptions extends JobNodeOption {
  readonly follow?: true;
}

export const jobInfoVerb = verb<InfoOptions, [job: string, node?: string]>({
  name: "info",
  summary: "show a job and what happened to it",
  examples: [["bv node job info download --follow", "a progress bar until it ends; exit code 0 if it succeeded"]],
  arguments: [jobArgument, jobNodeArgument],
  options: [{ flags: "-f, --follow", summary: "go on showing its progress until it ends" }, jobNodeOption],
  run: async (call) => (await import("./info.ts")).jobInfo(call),
});
