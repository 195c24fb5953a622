import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeCapabilitiesVerb = verb<object, [node?: string]>({
  name: "capabilities",
  aliases: ["caps"],
  summary: "list the plugin functions that `bv node run` can call",
  arguments: [nodeArgument],
  run: async (call) => (await import("./capabilities.ts")).listCapabilities(call),
});
