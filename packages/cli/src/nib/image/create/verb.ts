import { verb } from "../../../command/verb.ts";

export interface CreateOptions {
  readonly dir?: string;
  readonly client?: string;
  readonly network?: string;
  readonly nodeType?: string;
  readonly base?: string;
  readonly force?: true;
}

export const createVerb = verb<CreateOptions, [protocol: string, variant: string]>({
  name: "create",
  summary: "write a new node image: Dockerfile, main.rhai, its tests and babel.yaml",
  details:
    "The files are complete and explained. They build, pass `nib image check` and `nib image test`, and run as a node as they are,\n" +
    "so that every change from there on can be tried at once.",
  examples: [["nib image create ethereum geth-mainnet-full", "writes ./ethereum_geth-mainnet-full/"]],
  arguments: [
    { usage: "<protocol>", summary: "key of the protocol, for example ethereum", completes: "none" },
    {
      usage: "<variant>",
      summary: "key of the first variant: client-network-type, for example geth-mainnet-full",
      completes: "none",
    },
  ],
  options: [
    { flags: "--dir <directory>", summary: "where to write (default: ./<protocol>_<variant>)", completes: "directory" },
    { flags: "--client <name>", summary: "client in the metadata (default: from the variant key)" },
    { flags: "--network <name>", summary: "network in the metadata (default: from the variant key)" },
    { flags: "--node-type <name>", summary: "node type in the metadata (default: from the variant key)" },
    { flags: "--base <image>", summary: "image that the Dockerfile starts from" },
    { flags: "--force", summary: "overwrite files that are there already" },
  ],
  run: async (call) => (await import("./create.ts")).createImage(call),
});
