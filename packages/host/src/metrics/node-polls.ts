import type { NodeMetricsSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { Counters } from "./counters.ts";
import { nodeMetrics } from "./node-metrics.ts";

export interface PolledMetrics {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly metrics: MessageInitShape<typeof NodeMetricsSchema>;
}

/** A node is asked again after this long, plus up to `jitterMs` so that nodes do not fall into step (spec host-daemon §10.3). */
const periodMs = 30_000;
const jitterMs = 14_000;
const tickMs = 1_000;

/** Nodes that are asked at the same time, and on average in a second: bounds what polling costs, however many there are (DB-10.4). */
const concurrency = 4;
const mostPerSecond = 4;

/** A node whose plugin keeps failing is asked less often: up to 2³ periods apart. */
const maxBackoff = 3;

interface Turn {
  /** Epoch milliseconds of the next round. */
  next: number;
  failures: number;
  busy: boolean;
  polled: PolledMetrics | undefined;
}

/**
 * Asks the plugins of running nodes what they have to tell, each node in its own time, and keeps the last answer for whoever reports it.
 * Takes no node's turn from its operations: a poll gives way to them.
 */
export class NodePolls {
  readonly #nodes: NodeTable;
  readonly #counters: Counters;
  readonly #wanted: (actor: NodeActor) => boolean;
  readonly #turns = new Map<string, Turn>();
  readonly #timer: NodeJS.Timeout;
  #running = 0;

  /** `wanted`: nodes whose values somebody reads. */
  constructor(nodes: NodeTable, counters: Counters, wanted: (actor: NodeActor) => boolean) {
    this.#nodes = nodes;
    this.#counters = counters;
    this.#wanted = wanted;
    this.#timer = setInterval(() => this.#tick(), tickMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What the node told last; undefined when it does not run, or was not asked yet. */
  last(nodeId: string): PolledMetrics | undefined {
    return this.#turns.get(nodeId)?.polled;
  }

  #tick(): void {
    const now = Date.now();
    const running = this.#nodes
      .actors()
      .filter((actor) => actor.snapshot().status === "Running" && this.#wanted(actor));
    const ids = new Set(running.map(({ id }) => id));
    for (const id of this.#turns.keys()) if (!ids.has(id)) this.#turns.delete(id);
    const due = running
      .map((actor) => ({ actor, turn: this.#turnOf(actor.id, now) }))
      .filter(({ turn }) => !turn.busy && turn.next <= now)
      .toSorted((a, b) => a.turn.next - b.turn.next);
    for (const { actor, turn } of due.slice(0, concurrency - this.#running)) void this.#ask(actor, turn);
  }

  /** Of nodes that all answer. */
  get #periodMs(): number {
    return Math.max(periodMs, (this.#turns.size * 1_000) / mostPerSecond);
  }

  /** The first rounds after the daemon's start are spread over a whole period. */
  #turnOf(id: string, now: number): Turn {
    const known = this.#turns.get(id);
    if (known) return known;
    const first = this.#turns.size < concurrency ? now : now + Math.random() * periodMs;
    const turn: Turn = { next: first, failures: 0, busy: false, polled: undefined };
    this.#turns.set(id, turn);
    return turn;
  }

  async #ask(actor: NodeActor, turn: Turn): Promise<void> {
    this.#running += 1;
    turn.busy = true;
    try {
      const metrics = await this.#counters.time("blockvisor_polls", {}, () => nodeMetrics(actor));
      turn.polled = { at: Date.now(), metrics };
      turn.failures = (metrics.problems?.length ?? 0) > 0 ? turn.failures + 1 : 0;
    } catch (error) {
      actor.parts.log.debug(`metrics not collected: ${(error as Error).message}`);
      turn.polled = undefined;
      turn.failures += 1;
    } finally {
      turn.busy = false;
      turn.next = Date.now() + this.#periodMs * 2 ** Math.min(turn.failures, maxBackoff) + Math.random() * jitterMs;
      this.#running -= 1;
    }
  }
}
