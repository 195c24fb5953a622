import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface CapabilitiesOptions {
  readonly long?: true;
}

export const nodeCapabilitiesVerb = verb<CapabilitiesOptions, [node?: string]>({
  name: "capabilities",
  aliases: ["caps"],
  summary: "list the plugin functions that `bv node run` can call",
  arguments: [nodeArgument],
  options: [{ flags: "-l, --long", summary: "with their parameter, what they are for, and where they are" }],
  run: async (call) => (await import("./capabilities.ts")).listCapabilities(call),
});
