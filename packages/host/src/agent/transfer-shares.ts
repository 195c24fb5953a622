/** Who has not asked for so long transfers nothing any more; a transfer asks every ten seconds. */
const heldMs = 30_000;

/**
 * Shares out the bandwidth that archive transfers of a host may take together: evenly to the nodes that transfer something just now, and what a node has
 * evenly to its jobs. Transfers ask again and again, so shares follow as others come and go, and as the cap changes. (spec babel-agent §9.5)
 */
export class TransferShares {
  readonly #cap: () => number | undefined;
  readonly #now: () => number;
  /** By node and job: when it asked last. */
  readonly #nodes = new Map<string, Map<string, number>>();

  /** @param cap bytes per second, as it is now; undefined: none */
  constructor(cap: () => number | undefined, now: () => number = () => performance.now()) {
    this.#cap = cap;
    this.#now = now;
  }

  /** Bytes per second that a job may transfer until it asks again; undefined: as many as it can. */
  of(node: string, job: string): number | undefined {
    const cap = this.#cap();
    const now = this.#now();
    for (const [id, jobs] of this.#nodes) {
      for (const [name, asked] of jobs) if (now - asked > heldMs) jobs.delete(name);
      if (jobs.size === 0) this.#nodes.delete(id);
    }
    const jobs = this.#nodes.get(node) ?? new Map<string, number>();
    this.#nodes.set(node, jobs.set(job, now));
    return cap === undefined ? undefined : Math.max(1, Math.floor(cap / this.#nodes.size / jobs.size));
  }
}
