import type { Logger } from "pino";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeTable } from "../node/node-table.ts";

/** How often processes are looked at: one file of /proc each. */
const aliveMs = 2_000;
/** Looked at in one go. Waking up costs more than looking at a few processes. */
const atOnce = 16;

/**
 * Looks after all nodes: what is not as it should be is brought back by the node's own loop. A few at a time, spread over the period, so
 * that hundreds of nodes do not hold the daemon up. `checkMs`: how often a node is looked at as a whole.
 */
export function watchNodes(nodes: NodeTable, checkMs: () => number, log: Logger): { stop(): void } {
  let round = 0;
  let next = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const thoroughEvery = Math.max(1, Math.round(checkMs() / aliveMs));
    const actors = nodes.actors();
    actors.slice(next, next + atOnce).forEach((actor, index) => {
      check(actor, (round + next + index) % thoroughEvery === 0);
    });
    next += atOnce;
    if (next >= actors.length) {
      next = 0;
      round += 1;
      if (round % thoroughEvery === 0) nodes.adoptRepaired().catch((error: Error) => log.error(error.message));
    }
    later(actors.length);
  };
  const later = (count: number): void => {
    timer = setTimeout(look, aliveMs / Math.max(1, Math.ceil(count / atOnce))).unref();
  };
  later(nodes.actors().length);
  return { stop: () => clearTimeout(timer) };
}

function check(actor: NodeActor, thorough: boolean): void {
  actor.check(thorough).catch((error: unknown) => {
    actor.parts.log.error(`check failed: ${(error as Error).message}`);
  });
}
