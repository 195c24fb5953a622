import { HostError } from "../errors/host-error.ts";
import { type LogicalCpu, readTopology } from "./cpu-topology.ts";
import type { CpuPolicy, NodeState } from "./node-state.ts";

/** Which cores are pinned to which node. In memory only: rebuilt from the nodes' states when the daemon starts. */
export class CpuRegistry {
  readonly #cpus: readonly LogicalCpu[];
  readonly #owners = new Map<number, string>();

  constructor(cpus = readTopology()) {
    this.#cpus = cpus.toSorted((a, b) => b.cpu - a.cpu);
  }

  /** Makes `cores` exactly what the node owns. */
  assign(nodeId: string, cores: readonly number[]): void {
    this.release(nodeId);
    for (const core of cores) this.#owners.set(core, nodeId);
  }

  /**
   * Cores for a node that wants `count`, kept ones first, then the highest free numbers (spec host-daemon §4.2), whole physical cores before
   * parts of them (DB-5.8). They are the node's from now on, beside what it owns already. None for one that shares. Error `no_resources`.
   */
  reserve(nodeId: string, count: number, kept: readonly number[], policy: CpuPolicy): readonly number[] {
    if (policy === "shared") return [];
    const free = this.#cpus.filter(({ cpu }) => {
      const owner = this.#owners.get(cpu);
      return (owner === undefined || owner === nodeId) && !kept.includes(cpu);
    });
    const wanted = Math.max(0, count - kept.length);
    const near = policy === "numa-local" ? this.#nearFirst(free, kept, wanted) : [free];
    const chosen = [...kept];
    for (const cpus of near) chosen.push(...this.#wholeCoresFirst(cpus, chosen, count - chosen.length));
    const cores = chosen.slice(0, count);
    if (cores.length < count) {
      throw new HostError("no_resources", "not enough cpu cores", {
        hint: `the node wants ${count}, ${cores.length} of ${this.#cpus.length} are free; delete a node or choose a smaller variant`,
      });
    }
    for (const core of cores) this.#owners.set(core, nodeId);
    return cores;
  }

  release(nodeId: string): void {
    for (const [core, owner] of this.#owners) if (owner === nodeId) this.#owners.delete(core);
  }

  /** Free processors by NUMA node: where the node is already, then where all fit most tightly, then where most are free. */
  #nearFirst(free: readonly LogicalCpu[], kept: readonly number[], wanted: number): readonly (readonly LogicalCpu[])[] {
    const here = new Set(this.#cpus.filter(({ cpu }) => kept.includes(cpu)).map(({ numaNode }) => numaNode));
    const groups = [...Map.groupBy(free, ({ numaNode }) => numaNode)];
    const cost = ([numaNode, { length }]: (typeof groups)[number]): number => {
      if (here.has(numaNode)) return -1;
      return length >= wanted ? length : 1_000_000 - length;
    };
    return groups.toSorted((a, b) => cost(a) - cost(b)).map(([, cpus]) => cpus);
  }

  /** At most `wanted`: beside those that are chosen, then whole physical cores, then what is left of others, then parts of whole ones. */
  #wholeCoresFirst(free: readonly LogicalCpu[], chosen: readonly number[], wanted: number): readonly number[] {
    const started = new Set(this.#cpus.filter(({ cpu }) => chosen.includes(cpu)).map(({ core }) => core));
    const cores = [...Map.groupBy(free, ({ core }) => core)].map(([core, cpus]) => ({
      cpus: cpus.map(({ cpu }) => cpu),
      isStarted: started.has(core),
      isWhole: cpus.length === this.#cpus.filter((other) => other.core === core).length,
    }));
    const taken: number[] = [];
    const take = (fits: (core: (typeof cores)[number], left: number) => boolean): void => {
      for (const core of cores) {
        const left = wanted - taken.length;
        if (left > 0 && !taken.includes(core.cpus[0] ?? -1) && fits(core, left))
          taken.push(...core.cpus.slice(0, left));
      }
    };
    take(({ isStarted }) => isStarted);
    take(({ isWhole, cpus }, left) => isWhole && cpus.length <= left);
    take(({ isWhole }) => !isWhole);
    take(() => true);
    return taken;
  }
}

/** What a node owns: also the cores of the version that an upgrade would go back to. */
export function coresOf({ assigned_cpus: own, upgrade, state_backup: backup }: NodeState): readonly number[] {
  const mayGoBack = upgrade?.stage === "apply" || (upgrade?.stage === "back_stop" && upgrade.need_rollback !== null);
  return mayGoBack && backup !== null ? [...new Set([...own, ...backup.assigned_cpus])] : own;
}
