import type { NodeHost } from "../node/node-host.ts";

const hourMs = 3600_000;
const hoursOfDay = 24;

/** Images that no node stands on stay this long after their last use: the next node of the same image is then made at once. */
const unusedImageMs = 7 * hoursOfDay * hourMs;

/** Removes images nobody needs any more: when all nodes are attached, and once a day; where they may not take more than so much, once an hour, which may begin while the daemon runs. */
export function collectImages(host: NodeHost, attached: Promise<void>): { stop(): void } {
  let hours = 0;
  const collect = async (): Promise<void> => {
    const { imagesMaxBytes: maxBytes } = host.config;
    try {
      const options = { nodesDirectory: host.paths.nodes, graceMs: unusedImageMs, ...(maxBytes ? { maxBytes } : {}) };
      const removed = await host.images.collectGarbage(options);
      for (const digest of removed) host.log.info({ digest }, "image removed: no node stands on it");
    } catch (error) {
      host.log.warn(`unused images were not removed: ${(error as Error).message}`);
    }
  };
  void attached.then(collect);
  const timer = setInterval(() => {
    hours += 1;
    if (host.config.imagesMaxBytes !== undefined || hours % hoursOfDay === 0) void collect();
  }, hourMs).unref();
  return { stop: () => clearInterval(timer) };
}
