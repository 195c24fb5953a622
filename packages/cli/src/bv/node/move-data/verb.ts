import { verb } from "../../../command/verb.ts";

export interface MoveDataOptions {
  readonly back?: true;
}

export const nodeMoveDataVerb = verb<MoveDataOptions, [node: string, directory?: string]>({
  name: "move-data",
  summary: "put a node's data into another directory, e.g. on another disk",
  details:
    "They go to a directory named after the node in DIRECTORY. A running node is stopped for it and started again. Until the copy is\n" +
    "complete nothing changes; when it cannot be completed, everything is as before.",
  examples: [
    ["bv node move-data my-node /mnt/disk2", ""],
    ["bv node move-data my-node --back", "into the node's own directory"],
  ],
  arguments: [
    { usage: "<node>", summary: "name, id or the beginning of one", completes: "node" },
    { usage: "[directory]", summary: "a directory that exists", completes: "directory" },
  ],
  options: [{ flags: "--back", summary: "into the node's own directory, where they were at first" }],
  run: async (call) => (await import("./move-data.ts")).moveData(call),
});
