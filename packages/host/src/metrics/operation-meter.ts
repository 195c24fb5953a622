import type { NodeActor } from "../node/node-actor.ts";
import type { Counters } from "./counters.ts";

/** Counts operations on nodes from what the nodes publish; told of every change of a node. */
export class OperationMeter {
  readonly #counters: Counters;
  /** By node, what runs now. */
  readonly #running = new Map<string, { readonly id: string; readonly kind: string; readonly since: number }>();

  /** By node, when it came up last (seconds since the epoch), and how often since the first time. */
  readonly #lives = new Map<
    string,
    { readonly startedAt: number; readonly isUp: boolean; readonly restarts: number }
  >();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  changed(actor: NodeActor): void {
    this.#live(actor);
    const { operation, state } = actor.snapshot();
    const before = this.#running.get(actor.id);
    if (before && before.id !== operation?.id) {
      this.#running.delete(actor.id);
      const result = state.problem === null ? "ok" : "failed";
      this.#counters.add("blockvisor_operations_total", { kind: before.kind, result });
      const seconds = (performance.now() - before.since) / 1_000;
      this.#counters.observe("blockvisor_operation_seconds", { kind: before.kind }, seconds);
    }
    if (operation && !this.#running.has(actor.id)) {
      this.#running.set(actor.id, { id: operation.id, kind: operation.kind, since: performance.now() });
    }
  }

  /** How often the node came up again since the daemon's start (spec host-daemon DB-10.2). */
  restartsOf(nodeId: string): number {
    return this.#lives.get(nodeId)?.restarts ?? 0;
  }

  #live(actor: NodeActor): void {
    const { started_at: startedAt } = actor.snapshot().state;
    const before = this.#lives.get(actor.id);
    if (actor.gone) this.#lives.delete(actor.id);
    else if (startedAt === null) {
      if (before) this.#lives.set(actor.id, { ...before, isUp: false });
    } else if (!before?.isUp || startedAt !== before.startedAt) {
      // Within the second in which it came up before, too.
      this.#lives.set(actor.id, { startedAt, isUp: true, restarts: before ? before.restarts + 1 : 0 });
    }
  }

  /** Kinds of the operations that run now, one entry each. */
  running(): readonly string[] {
    return [...this.#running.values()].map(({ kind }) => kind);
  }
}
