import type { Logger } from "pino";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { ProcessIdentity } from "../runtime/index.ts";

/** Between two looks at what is due: waking up costs more than looking at a few nodes. */
const tickMs = 2_000;
/** How often processes are looked at, one file of /proc each, where the kernel tells when they end… */
const unaskedMs = 10_000;
/** …and where it does not. */
const askedMs = tickMs;

export interface NodeWatch {
  /** Something about the node is otherwise than it was; called very often. */
  changed(actor: NodeActor): void;
  stop(): void;
}

/**
 * Looks after all nodes: what is not as it should be is brought back by the node's own loop. That a container or a babel has ended is told by
 * the kernel (spec host-daemon DB-4.13); beneath that all are looked at now and then, each in its own turn, so that hundreds of nodes do not
 * hold the daemon up.
 */
export function watchNodes(nodes: NodeTable, host: Pick<NodeHost, "exits" | "config">, log: Logger): NodeWatch {
  const { exits } = host;
  const phases = new WeakMap<NodeActor, number>();
  /** Something of theirs ended while something was done with them, which may not have seen it. */
  const unseen = new WeakSet<NodeActor>();
  let known = 0;
  let tick = 0;

  const phaseOf = (actor: NodeActor): number => {
    const phase = phases.get(actor) ?? known++;
    phases.set(actor, phase);
    return phase;
  };
  const look = (): void => {
    tick += 1;
    const looksEvery = (exits.tells ? unaskedMs : askedMs) / tickMs;
    const thoroughEvery = Math.max(1, Math.round(host.config.recovery.checkMs / tickMs));
    for (const actor of nodes.actors()) {
      const turn = tick + phaseOf(actor);
      const isThorough = turn % thoroughEvery === 0;
      const isDue = isThorough || turn % looksEvery === 0 || unseen.has(actor);
      if (!isDue && actor.snapshot().state.problem === null) continue;
      if (actor.idle) unseen.delete(actor);
      follow(actor);
      check(actor, isThorough);
    }
    if (tick % thoroughEvery === 0) nodes.adoptRepaired().catch((error: Error) => log.error(error.message));
  };
  const follow = ({ parts: { init, agent } }: NodeActor): void => {
    if (init !== undefined) exits.watch(init);
    if (agent?.process) exits.watch(agent.process);
  };
  const missSomething = (actor: NodeActor): void => {
    if (actor.idle) check(actor, false);
    else unseen.add(actor);
  };
  exits.listen((ended) => {
    const actor = nodes.actors().find(({ parts }) => isSame(parts.init, ended) || isSame(parts.agent?.process, ended));
    if (actor === undefined) return;
    // How a container came to its end is asked for later.
    if (!isSame(actor.parts.init, ended)) exits.forget(ended);
    missSomething(actor);
  });
  const timer = setInterval(look, tickMs).unref();
  return {
    changed(actor) {
      if (actor.snapshot().operation !== undefined) return;
      follow(actor);
      // Once its turn is over.
      if (unseen.delete(actor)) setImmediate(missSomething, actor);
    },
    stop() {
      clearInterval(timer);
      exits.listen(() => {});
    },
  };
}

function check(actor: NodeActor, thorough: boolean): void {
  actor.check(thorough).catch((error: unknown) => {
    actor.parts.log.error(`check failed: ${(error as Error).message}`);
  });
}

function isSame(one: ProcessIdentity | null | undefined, other: ProcessIdentity): boolean {
  return one?.pid === other.pid && one.startTicks === other.startTicks;
}
