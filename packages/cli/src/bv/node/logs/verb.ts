import { count } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface NodeLogsOptions {
  readonly lines: number;
  readonly supportBundle?: string;
}

export const nodeLogsVerb = verb<NodeLogsOptions, [node?: string]>({
  name: "logs",
  summary: "show what a node's container, babel and jobs printed last; also of nodes that were deleted lately",
  details:
    "With --support-bundle everything a person elsewhere needs goes into one file: logs, events and state, without the values of\n" +
    "parameters. Of deleted nodes the last 32 are kept, for 30 days. One job's log can be followed: `bv node job logs`.",
  examples: [["bv node logs my-node --support-bundle my-node.tar.gz", ""]],
  arguments: [nodeArgument],
  options: [
    { flags: "-l, --lines <number>", summary: "newest lines of each log", parse: count, initial: 20 },
    { flags: "--support-bundle <file>", summary: "write all of it to a .tar.gz instead", completes: "file" },
  ],
  run: async (call) => (await import("./logs.ts")).nodeLogs(call),
});
