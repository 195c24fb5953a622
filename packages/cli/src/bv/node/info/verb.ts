import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeInfoVerb = verb<object, [node?: string]>({
  name: "info",
  summary: "show what a node is and how it is doing",
  arguments: [nodeArgument],
  run: async (call) => (await import("./info.ts")).nodeInfo(call),
});
