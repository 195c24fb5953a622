import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface RestartOptions extends WaitOptions {
  readonly force?: true;
  readonly local?: true;
}

export const nodeRestartVerb = verb<RestartOptions, [nodes: readonly string[]]>({
  name: "restart",
  summary: "stop nodes and start them again",
  arguments: [nodesArgument],
  options: [
    { flags: "--force", summary: "do not wait for the agent when stopping" },
    { flags: "--local", summary: "act here at once, without the control plane; for emergencies" },
    ...waitOptions,
  ],
  run: async (call) => (await import("./restart.ts")).restartNodes(call),
});
