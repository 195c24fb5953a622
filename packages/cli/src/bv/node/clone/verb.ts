import { verb } from "../../../command/verb.ts";

export interface CloneOptions {
  readonly name?: string;
  readonly ip?: string;
  readonly start?: true;
  readonly stop?: true;
}

export const nodeCloneVerb = verb<CloneOptions, [node: string]>({
  name: "clone",
  summary: "make a dev node of another node's image, parameters and data",
  details:
    "Blocks are shared where the file system can (reflink), else copied. While that takes, the processes of a running node are held\n" +
    "still: the copy is what a power cut would leave. With --stop the node is stopped for it in order, and started again.",
  examples: [["bv node clone my-node --name try-out --start", ""]],
  arguments: [{ usage: "<node>", summary: "name, id or the beginning of one", completes: "node" }],
  options: [
    { flags: "--name <name>", summary: "name of the new node (default: three words)" },
    { flags: "--ip <address>", summary: "address of the new node (default: a free one)" },
    { flags: "--start", summary: "start the new node as well" },
    { flags: "--stop", summary: "stop the node while it is copied" },
  ],
  run: async (call) => (await import("./clone.ts")).cloneNode(call),
});
