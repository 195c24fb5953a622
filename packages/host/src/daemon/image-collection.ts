import type { NodeHost } from "../node/node-host.ts";

const hourMs = 3600_000;
const dayMs = 24 * hourMs;

/** Images that no node stands on stay this long after their last use: the next node of the same image is then made at once. */
const unusedImageMs = 7 * dayMs;

/** Removes images nobody needs any more: when all nodes are attached, and once a day; where they may not take more than so much, once an hour. */
export function collectImages(host: NodeHost, attached: Promise<void>): { stop(): void } {
  const { imagesMaxBytes: maxBytes } = host.config;
  const collect = async (): Promise<void> => {
    try {
      const options = { nodesDirectory: host.paths.nodes, graceMs: unusedImageMs, ...(maxBytes ? { maxBytes } : {}) };
      const removed = await host.images.collectGarbage(options);
      for (const digest of removed) host.log.info({ digest }, "image removed: no node stands on it");
    } catch (error) {
      host.log.warn(`unused images were not removed: ${(error as Error).message}`);
    }
  };
  void attached.then(collect);
  const timer = setInterval(() => void collect(), maxBytes ? hourMs : dayMs).unref();
  return { stop: () => clearInterval(timer) };
}
