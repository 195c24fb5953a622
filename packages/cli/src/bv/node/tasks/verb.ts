import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeTasksVerb = verb<object, [node?: string]>({
  name: "tasks",
  summary: "show what a node's plugin has scheduled, and when it runs next",
  arguments: [nodeArgument],
  run: async (call) => (await import("./tasks.ts")).nodeTasks(call),
});
