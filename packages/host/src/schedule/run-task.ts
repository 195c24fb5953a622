import type { NodeActor } from "../node/node-actor.ts";
import type { Task } from "./node-tasks.ts";

/**
 * Runs a task whose time has come, if its node is up (spec plugin-api §6). While something else is done with the node it waits: of all that is
 * missed meanwhile one is made up, unless the task does not want that. Undefined: it was left out.
 */
export async function runTask(
  task: Task,
  actor: Pick<NodeActor, "idle" | "gone" | "snapshot" | "exclusively" | "callPlugin"> | undefined,
): Promise<string | undefined> {
  if (actor === undefined || actor.snapshot().state.expected_status !== "Running") return undefined;
  if (!actor.idle && task.catch_up === false) return undefined;
  if (!actor.idle) await actor.exclusively(async () => {});
  if (actor.gone || actor.snapshot().status !== "Running") return undefined;
  const { timeout_secs: limit } = task;
  return actor.callPlugin(task.function, task.param, limit === undefined ? {} : { timeoutMs: limit * 1000 });
}
