import { isDeepStrictEqual } from "node:util";
import type { NodeJob } from "./node-report.ts";

interface Known {
  /** What the node was made of then. */
  readonly content: string;
  readonly jobs: ReadonlyMap<string, NodeJob>;
}

/**
 * Jobs as the API has them, so that only those are sent that changed since it took them (spec host-daemon §10.3). With another image the
 * API forgets a node's jobs, and so is done here (DB-10.5).
 */
export class ReportedJobs {
  readonly #known = new Map<string, Known>();

  /** Those of the node that the API has otherwise, or not at all; `accept` when it has taken them. `content`: what the node is made of. */
  news(nodeId: string, content: string, jobs: readonly NodeJob[]) {
    const known = this.#known.get(nodeId);
    const before = known?.content === content ? known.jobs : undefined;
    return {
      changed: jobs.filter((job) => !isDeepStrictEqual(before?.get(job.name), job)),
      accept: (): void => {
        this.#known.set(nodeId, { content, jobs: new Map(jobs.map((job) => [job.name, job])) });
      },
    };
  }

  /** Forgets all other nodes. */
  keep(nodeIds: ReadonlySet<string>): void {
    for (const id of this.#known.keys()) if (!nodeIds.has(id)) this.#known.delete(id);
  }

  clear(): void {
    this.#known.clear();
  }
}
