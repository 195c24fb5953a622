import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface DeleteOptions extends WaitOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly local?: true;
  readonly force?: true;
  readonly tags?: readonly string[];
}

export const nodeDeleteVerb = verb<DeleteOptions, [nodes: readonly string[]]>({
  name: "delete",
  aliases: ["d", "rm"],
  summary: "delete nodes and their data",
  arguments: [nodesArgument],
  options: [
    { flags: "--tags <tag>", summary: "nodes of this machine with this tag; may be repeated", repeats: true },
    { flags: "-a, --all", summary: "all nodes of this machine" },
    { flags: "-y, --yes", summary: "do not ask" },
    { flags: "--local", summary: "act here at once, without the control plane; for emergencies" },
    { flags: "--force", summary: "like --local", hidden: true },
    ...waitOptions,
  ],
  run: async (call) => (await import("./delete.ts")).deleteNodes(call),
});
