import { verb } from "../../../command/verb.ts";

export interface RepairOptions {
  readonly state?: string;
}

export const nodeRepairVerb = verb<RepairOptions, [node: string]>({
  name: "repair",
  summary: "take over a broken node, whose state could not be read, or say what is still wrong with it",
  details:
    "A node is broken while its state.json cannot be read; its container and data stay as they are. Correct the file, or give another one with\n" +
    "--state, e.g. from a backup: what was there is kept beside it.",
  examples: [
    ["bv node repair my-node", "after its state.json was corrected"],
    ["bv node repair my-node --state backup/state.json", ""],
  ],
  arguments: [{ usage: "<node>", summary: "name, id or the beginning of one", completes: "node" }],
  options: [{ flags: "--state <file>", summary: "becomes the node's state.json", completes: "file" }],
  run: async (call) => (await import("./repair.ts")).repairNode(call),
});
