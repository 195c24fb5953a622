import type { VerbArgument, VerbOption } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface JobNodeOption {
  readonly node?: string;
}

export const jobNodeOption: VerbOption = {
  flags: "-n, --node <node>",
  summary: "the node, when it is not named before the sub-command",
  completes: "node",
};

export const jobArgument: VerbArgument = { usage: "<job>", summary: "name of the job", completes: "job" };
export const jobNodeArgument: VerbArgument = nodeArgument;
