import type { JobView } from "../../../../daemon/job-view.ts";

/** A job of a graph; what is named by some job, but was never created, is not `defined`. */
export type GraphJob = JobView & { readonly defined: boolean };

export interface GraphEdge {
  readonly job: string;
  readonly depends_on: string;
  readonly kind: "needs" | "wait_for";
}

export const edgesOf = (jobs: readonly GraphJob[]): readonly GraphEdge[] =>
  jobs.flatMap(({ name, needs, wait_for }) => [
    ...needs.map((other) => ({ job: name, depends_on: other, kind: "needs" as const })),
    ...wait_for.map((other) => ({ job: name, depends_on: other, kind: "wait_for" as const })),
  ]);

/**
 * Jobs by how many have to come before them, at least: the first stage depends on nothing. `jobs` has dependencies before dependents;
 * an edge against that order closes a cycle and counts for nothing.
 */
export function stagesOf(jobs: readonly GraphJob[]): readonly (readonly GraphJob[])[] {
  const stage = new Map<string, number>();
  for (const { name, needs, wait_for } of jobs) {
    const before = [...needs, ...wait_for].map((other) => stage.get(other) ?? -1);
    stage.set(name, Math.max(-1, ...before) + 1);
  }
  const stages: GraphJob[][] = [];
  for (const job of jobs) {
    const index = stage.get(job.name) ?? 0;
    while (stages.length <= index) stages.push([]);
    stages[index]?.push(job);
  }
  return stages;
}
