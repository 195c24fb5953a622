import type { NodeHost } from "../node/node-host.ts";

const dayMs = 24 * 3600_000;

/** Images that no node stands on stay this long after their last use: the next node of the same image is then made at once. */
const unusedImageMs = 7 * dayMs;

/** Removes images nobody needs any more: when all nodes are attached, and once a day. */
export function collectImages(host: NodeHost, attached: Promise<void>): { stop(): void } {
  const collect = async (): Promise<void> => {
    try {
      const options = { nodesDirectory: host.paths.nodes, graceMs: unusedImageMs };
      const removed = await host.images.collectGarbage(options);
      for (const digest of removed) host.log.info({ digest }, "image removed: unused for a week");
    } catch (error) {
      host.log.warn(`unused images were not removed: ${(error as Error).message}`);
    }
  };
  void attached.then(collect);
  const timer = setInterval(() => void collect(), dayMs).unref();
  return { stop: () => clearInterval(timer) };
}
