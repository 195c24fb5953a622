import { verb } from "../../../command/verb.ts";
import { pathOrBesideOption, propsOption, variantOption } from "../path-option.ts";

export interface InspectOptions {
  readonly path?: string;
  readonly variant?: string;
  readonly props?: string;
  readonly pluginDir?: string;
  readonly env?: string;
  readonly secrets?: string;
}

export const inspectVerb = verb<InspectOptions>({
  name: "inspect",
  summary: "show what the plugin is for a variant, without running a node",
  details:
    "Its configuration as the platform understands it, with all defaults; the jobs that come out of it, in order; its\n" +
    "functions, and those that can be called on a node.",
  examples: [["nib image inspect --plugin-dir . --variant geth-mainnet-full --format json", "for programs"]],
  options: [
    pathOrBesideOption,
    variantOption,
    {
      flags: "--plugin-dir <directory>",
      summary: "take the plugin from here, not from the container",
      completes: "directory",
    },
    propsOption,
    { flags: "--env <json>", summary: "fields of node_env() that are different, a JSON object" },
    { flags: "--secrets <json>", summary: "what get_secret() finds, a JSON object of texts" },
  ],
  run: async (call) => (await import("./inspect.ts")).inspectImage(call),
});
