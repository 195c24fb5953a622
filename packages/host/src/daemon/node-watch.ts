import type { NodeTable } from "../node/node-table.ts";

/** How often processes are looked at (two files of /proc each), and how often a node is looked at as a whole. */
const aliveMs = 2_000;
const thoroughEvery = 15;

/**
 * Looks after all nodes: what is not as it should be is brought back by the node's own loop. Each node is looked at in its own time, spread
 * over the period, so that hundreds of nodes do not wake up at once.
 */
export function watchNodes(nodes: NodeTable): { stop(): void } {
  const timers = new Set<NodeJS.Timeout>();
  let round = 0;
  const tick = setInterval(() => {
    round += 1;
    const actors = nodes.actors();
    actors.forEach((actor, index) => {
      const timer = setTimeout(
        () => {
          timers.delete(timer);
          void actor.check((round + index) % thoroughEvery === 0).catch((error: unknown) => {
            actor.parts.log.error(`check failed: ${(error as Error).message}`);
          });
        },
        (aliveMs * index) / actors.length,
      ).unref();
      timers.add(timer);
    });
  }, aliveMs).unref();
  return {
    stop: () => {
      clearInterval(tick);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
