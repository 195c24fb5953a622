import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface StopOptions extends WaitOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly local?: true;
  readonly force?: true;
}

export const nodeStopVerb = verb<StopOptions, [nodes: readonly string[]]>({
  name: "stop",
  summary: "stop nodes; without names all nodes of this machine",
  arguments: [nodesArgument],
  options: [
    { flags: "-a, --all", summary: "all nodes of this machine" },
    { flags: "-y, --yes", summary: "do not ask before acting on all nodes" },
    { flags: "--local", summary: "act here at once, without the control plane; for emergencies" },
    { flags: "--force", summary: "do not wait for the agent; act also on a node that should be stopped already" },
    ...waitOptions,
  ],
  run: async (call) => (await import("./stop.ts")).stopNodes(call),
});
