import { verb } from "../../../command/verb.ts";

export interface ListOptions {
  readonly running?: true;
  readonly local?: true;
  readonly tag?: readonly string[];
}

export const nodeListVerb = verb<ListOptions>({
  name: "list",
  aliases: ["ls"],
  summary: "list the nodes",
  options: [
    { flags: "-r, --running", summary: "only nodes that are running" },
    { flags: "--local", summary: "only nodes that exist on this machine; asks nobody else" },
    { flags: "--tag <tag>", summary: "only nodes with this tag; may be repeated", repeats: true },
  ],
  run: async (call) => (await import("./list.ts")).listNodes(call),
});
