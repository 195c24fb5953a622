import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeReloadPluginVerb = verb<object, [node?: string]>({
  name: "reload-plugin",
  summary: "read the plugin's files again",
  details: "In dev mode those in the node's root file system, which an engineer may edit; else those of its image.",
  arguments: [nodeArgument],
  run: async (call) => (await import("./reload-plugin.ts")).reloadPlugin(call),
});
