import type { NodeHost } from "../node/node-host.ts";

const dayMs = 24 * 3600_000;

/** Images that no node stands on stay this long after their last use: the next node of the same image is then made at once. */
const unusedImageMs = 7 * dayMs;

/** Removes images nobody needs any more, once a day. */
export function collectImages(host: NodeHost): { stop(): void } {
  const timer = setInterval(() => {
    host.images
      .collectGarbage({ nodesDirectory: host.paths.nodes, graceMs: unusedImageMs })
      .then((removed) => {
        for (const digest of removed) host.log.info({ digest }, "image removed: unused for a week");
      })
      .catch((error: unknown) => host.log.warn(`unused images were not removed: ${(error as Error).message}`));
  }, dayMs).unref();
  return { stop: () => clearInterval(timer) };
}
