import type { NodeActor } from "../node/node-actor.ts";
import type { Counters } from "./counters.ts";

/** Counts operations on nodes from what the nodes publish; told of every change of a node. */
export class OperationMeter {
  readonly #counters: Counters;
  /** By node, what runs now. */
  readonly #running = new Map<string, { readonly id: string; readonly kind: string; readonly since: number }>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  changed(actor: NodeActor): void {
    const { operation, state } = actor.snapshot();
    const before = this.#running.get(actor.id);
    if (before && before.id !== operation?.id) {
      this.#running.delete(actor.id);
      const result = state.problem === null ? "ok" : "failed";
      this.#counters.add("blockvisor_operations_total", { kind: before.kind, result });
      this.#counters.add(
        "blockvisor_operation_seconds_total",
        { kind: before.kind },
        (performance.now() - before.since) / 1_000,
      );
    }
    if (operation && !this.#running.has(actor.id)) {
      this.#running.set(actor.id, { id: operation.id, kind: operation.kind, since: performance.now() });
    }
  }

  /** Kinds of the operations that run now, one entry each. */
  running(): readonly string[] {
    return [...this.#running.values()].map(({ kind }) => kind);
  }
}
