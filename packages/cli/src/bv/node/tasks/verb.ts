import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface TasksOptions {
  readonly run?: string;
  readonly rm?: string;
}

export const nodeTasksVerb = verb<TasksOptions, [node?: string]>({
  name: "tasks",
  summary: "show what a node's plugin has scheduled, when it runs next, and how it ran last",
  details: "What is removed is scheduled again by the next init of the node, if its plugin_config has it.",
  arguments: [nodeArgument],
  options: [
    { flags: "--run <task>", summary: "run a task now, and show what it returns" },
    { flags: "--rm <task>", summary: "remove a task" },
  ],
  run: async (call) => (await import("./tasks.ts")).nodeTasks(call),
});
