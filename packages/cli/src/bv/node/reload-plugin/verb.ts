import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface ReloadOptions {
  readonly dryRun?: true;
}

export const nodeReloadPluginVerb = verb<ReloadOptions, [node?: string]>({
  name: "reload-plugin",
  summary: "read the plugin's files again",
  details:
    "In dev mode those in the node's root file system, which an engineer may edit; else those of its image. On a running node services whose definition or files differ are started anew, and no others.",
  arguments: [nodeArgument],
  options: [
    { flags: "--dry-run", summary: "only tell what plugin_config() says otherwise than before, and keep that" },
  ],
  run: async (call) => (await import("./reload-plugin.ts")).reloadPlugin(call),
});
