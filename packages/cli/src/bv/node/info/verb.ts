import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface NodeInfoOptions {
  readonly showValues?: true;
}

export const nodeInfoVerb = verb<NodeInfoOptions, [node?: string]>({
  name: "info",
  summary: "show what a node is and how it is doing",
  arguments: [nodeArgument],
  options: [{ flags: "--show-values", summary: "also the values of properties that are secret, or may be" }],
  run: async (call) => (await import("./info.ts")).nodeInfo(call),
});
