import type { NodeTable } from "../node/node-table.ts";

/** How often processes are looked at: two files of /proc each. */
const aliveMs = 2_000;

/**
 * Looks after all nodes: what is not as it should be is brought back by the node's own loop. Each node is looked at in its own time, spread
 * over the period, so that hundreds of nodes do not wake up at once. `checkMs`: how often a node is looked at as a whole.
 */
export function watchNodes(nodes: NodeTable, checkMs: number): { stop(): void } {
  const thoroughEvery = Math.max(1, Math.round(checkMs / aliveMs));
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
