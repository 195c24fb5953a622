import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface StartOptions extends WaitOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly local?: true;
}

export const nodeStartVerb = verb<StartOptions, [nodes: readonly string[]]>({
  name: "start",
  summary: "start nodes; without names all nodes of this machine",
  arguments: [nodesArgument],
  options: [
    { flags: "-a, --all", summary: "all nodes of this machine" },
    { flags: "-y, --yes", summary: "do not ask before acting on all nodes" },
    { flags: "--local", summary: "act here at once, without the control plane; for emergencies" },
    ...waitOptions,
  ],
  run: async (call) => (await import("./start.ts")).startNodes(call),
});
