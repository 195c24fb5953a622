import { bandwidth, countOrNone } from "../../../../command/values.ts";
import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobArgument, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface LimitsOptions extends JobNodeOption {
  readonly connections?: number;
  readonly bandwidth?: number;
}

export const jobLimitsVerb = verb<LimitsOptions, [job: string, node?: string]>({
  name: "limits",
  summary: "show or change how much of the network an upload or download may use, also while it runs",
  examples: [
    ["bv node job limits download --bandwidth 20MB/s", "slow a download down, without restarting it"],
    ["bv node job limits download --bandwidth none", "back to what the image says"],
  ],
  arguments: [jobArgument, jobNodeArgument],
  options: [
    {
      flags: "-c, --connections <number>",
      summary: "at most so many at once; none: as the image says",
      parse: countOrNone,
    },
    {
      flags: "-b, --bandwidth <speed>",
      summary: "bytes per second, for example 20MB/s; none: as the image says",
      parse: bandwidth,
    },
    jobNodeOption,
  ],
  run: async (call) => (await import("./limits.ts")).jobLimits(call),
});
