import { availableParallelism } from "node:os";
import { HostError } from "../errors/host-error.ts";
import type { NodeState } from "./node-state.ts";

/** Which cores are pinned to which node. In memory only: rebuilt from the nodes' states when the daemon starts. */
export class CpuRegistry {
  readonly #total: number;
  readonly #owners = new Map<number, string>();

  constructor(total = availableParallelism()) {
    this.#total = total;
  }

  /** Makes `cores` exactly what the node owns. */
  assign(nodeId: string, cores: readonly number[]): void {
    this.release(nodeId);
    for (const core of cores) this.#owners.set(core, nodeId);
  }

  /**
   * Cores for a node that wants `count`, kept ones first, then the highest free numbers (spec host-daemon §4.2). They are the node's from now
   * on, beside what it owns already. Error `no_resources`.
   */
  reserve(nodeId: string, count: number, kept: readonly number[]): readonly number[] {
    const free = Array.from({ length: this.#total }, (_, index) => this.#total - 1 - index).filter((core) => {
      const owner = this.#owners.get(core);
      return (owner === undefined || owner === nodeId) && !kept.includes(core);
    });
    const chosen = [...kept, ...free].slice(0, count);
    if (chosen.length < count) {
      throw new HostError("no_resources", "not enough cpu cores", {
        hint: `the node wants ${count}, ${chosen.length} of ${this.#total} are free; delete a node or choose a smaller variant`,
      });
    }
    for (const core of chosen) this.#owners.set(core, nodeId);
    return chosen;
  }

  release(nodeId: string): void {
    for (const [core, owner] of this.#owners) if (owner === nodeId) this.#owners.delete(core);
  }
}

/** What a node owns: also the cores of the version that an upgrade would go back to. */
export function coresOf({ assigned_cpus: own, upgrade, state_backup: backup }: NodeState): readonly number[] {
  const mayGoBack = upgrade?.stage === "apply" || (upgrade?.stage === "back_stop" && upgrade.need_rollback !== null);
  return mayGoBack && backup !== null ? [...new Set([...own, ...backup.assigned_cpus])] : own;
}
