import { verb } from "../../../command/verb.ts";
import type { DevNodeOptions } from "../../dev-node/create.ts";
import { devNodeOptions } from "../dev-node-options.ts";
import { pathOption, propsOption, secretOption, variantOption } from "../path-option.ts";

export interface PlayOptions extends DevNodeOptions {
  readonly variant?: string;
  readonly props?: string;
  readonly start?: true;
  readonly keep?: true;
  readonly watch?: true;
  readonly rm?: true;
}

export const playVerb = verb<PlayOptions>({
  name: "play",
  summary: "make a dev node of the image on this machine",
  details:
    "The node is created, not started, unless --start or --watch say so.\n" +
    "With --watch every saved *.rhai file is in the node at once, and a changed babel.yaml upgrades it.",
  examples: [
    ["nib image play --variant geth-mainnet-full", "then: bv node start NODE"],
    ["nib image play --watch --rm", "start, follow the logs, take in every save; Ctrl-C deletes the node"],
  ],
  options: [
    pathOption,
    variantOption,
    propsOption,
    secretOption,
    ...devNodeOptions,
    { flags: "--start", summary: "start the node as well; one that cannot be started is removed again" },
    { flags: "--keep", summary: "with --start: keep the node also when it cannot be started, to look into it" },
    { flags: "--watch", summary: "start it and take in every change of plugin and metadata until Ctrl-C" },
    { flags: "--rm", summary: "delete the node at the end of --watch" },
  ],
  run: async (call) => (await import("./play.ts")).playImage(call),
});
