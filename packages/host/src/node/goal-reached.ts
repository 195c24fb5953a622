import type { NodeState } from "./node-state.ts";

/** Whether a node that reached its goal still carries marks of the way there. */
export function isStale(state: NodeState): boolean {
  return state.force || isOver(state);
}

export function settled(state: NodeState): Partial<NodeState> {
  return { force: false, ...(isOver(state) ? { problem: null } : {}) };
}

/** What is in the way of a node that recovery gave up on stays known. */
function isOver({ problem, expected_status: expected }: NodeState): boolean {
  return problem !== null && problem.attempts > 0 && expected !== "Failed";
}

/** A node that recovery gave up on is tried again. */
export function hopeful({ problem }: NodeState): Partial<NodeState> {
  return problem?.wanted === undefined ? {} : { expected_status: problem.wanted };
}
