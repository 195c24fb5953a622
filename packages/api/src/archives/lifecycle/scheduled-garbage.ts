import type { Platform } from "../../platform.ts";
import { collectGarbage } from "./collect-garbage.ts";

/** Looked at so often whether it is time; a process that was started again is not asked to wait a whole interval. */
const mostWaitMs = 3600_000;

/** Collects the garbage of archives every so often (D6-10). @param interval seconds; 0: never */
export function scheduleGarbage(platform: Platform, interval: number): { close(): Promise<void> } {
  if (interval === 0) return { close: async () => {} };
  const stop = new AbortController();
  const everyMs = interval * 1000;
  const tickMs = Math.min(everyMs, mostWaitMs);
  let collected = Date.now() - everyMs;
  let running: Promise<void> | undefined;
  const collect = async (): Promise<void> => {
    if (Date.now() - collected < everyMs) return;
    const items = await collectGarbage({ ...platform, signal: stop.signal }, { dryRun: false });
    collected = Date.now();
    for (const { storeKey, version, reason, objects, bytes } of items) {
      const what = { storeKey, version: version?.toString(), objects, bytes };
      if (objects > 0) platform.log.info(what, `removed from an archive: ${reason}`);
      else platform.log.warn(what, `nothing was removed from an archive: ${reason}`);
    }
  };
  const timer = setInterval(() => {
    running ??= collect()
      .catch((error: unknown) => {
        if (!stop.signal.aborted) platform.log.warn({ error: String(error) }, "garbage of archives was not collected");
      })
      .finally(() => {
        running = undefined;
      });
  }, tickMs);
  return {
    async close() {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
