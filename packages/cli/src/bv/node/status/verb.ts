import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";

export const nodeStatusVerb = verb<object, [nodes: readonly string[]]>({
  name: "status",
  summary: "show one word for each node: Running, Stopped, Busy or Failed",
  arguments: [nodesArgument],
  run: async (call) => (await import("./status.ts")).nodeStatus(call),
});
