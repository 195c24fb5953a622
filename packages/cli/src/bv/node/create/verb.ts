import { verb } from "../../../command/verb.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface CreateOptions extends WaitOptions {
  readonly props?: string;
  readonly tag?: readonly string[];
}

export const nodeCreateVerb = verb<
  CreateOptions,
  [protocol: string, variant: string, version?: string, build?: string]
>({
  name: "create",
  aliases: ["c"],
  summary: "create a node of a published image, through the control plane",
  details:
    "The control plane queues its creation and then its start; `bv node ls` shows when it is there.\n" +
    "A node of an image that is still being made comes from `nib image play`.",
  examples: [['bv node create ethereum geth-mainnet-full --props \'{"history":"pruned"}\'', "latest version"]],
  arguments: [
    { usage: "<protocol>", summary: "key of the protocol" },
    { usage: "<variant>", summary: "key of the variant" },
    { usage: "[version]", summary: "version of the image (default: the latest)" },
    { usage: "[build]", summary: "build of the version (default: the latest)" },
  ],
  options: [
    { flags: "--props <json>", summary: "values of the image's properties, a JSON object of texts" },
    { flags: "--tag <tag>", summary: "a tag of the node; may be repeated", repeats: true },
    ...waitOptions,
  ],
  run: async (call) => (await import("./create.ts")).createNode(call),
});
