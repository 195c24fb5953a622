import type { NodeState } from "./node-state.ts";

/* When a node whose operation failed is tried again. Pure; `now` in epoch milliseconds. */

/** Its next attempt is yet to come, or nobody but a person makes one. */
export function waitsForAttempt({ problem }: Pick<NodeState, "problem">, now: number): boolean {
  if (problem === null || problem.attempts === 0) return false;
  return problem.next_attempt === null || problem.next_attempt > now;
}

/** It is to be down, and has not followed in order for so long after it should have that it is now stopped by force (spec host-daemon DB-4.16). */
export function isStopOverdue(
  { expected_status: expected, force, problem }: Pick<NodeState, "expected_status" | "force" | "problem">,
  stopMs: number,
  now: number,
): boolean {
  if (expected !== "Stopped" || force || problem === null || problem.attempts === 0) return false;
  return now - problem.since >= stopMs;
}
