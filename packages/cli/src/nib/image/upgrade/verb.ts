import { seconds } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { pathOption, propsOption } from "../path-option.ts";

export interface UpgradeOptions {
  readonly path: string;
  readonly props?: string;
  readonly force?: true;
  readonly smokeCheck?: true;
  readonly watch?: number;
}

export const upgradeVerb = verb<UpgradeOptions, [node: string]>({
  name: "upgrade",
  summary: "upgrade a dev node to the image as it is now",
  details: "The node's data and what one-time jobs did are kept. New properties get their default values.",
  arguments: [{ usage: "<node>", summary: "name, id or the beginning of one", completes: "node" }],
  options: [
    pathOption,
    propsOption,
    { flags: "--force", summary: "also when the image did not change" },
    { flags: "--smoke-check", summary: "start the new image beside the node before anything is stopped" },
    {
      flags: "--watch <seconds>",
      summary: "go back when the node does not stay healthy for so long",
      parse: seconds,
    },
  ],
  run: async (call) => (await import("./upgrade.ts")).upgradeImage(call),
});
