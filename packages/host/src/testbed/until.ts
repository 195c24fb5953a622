import { setTimeout as pause } from "node:timers/promises";

const patienceMs = 60_000;

/** Waits for something the node does on its own. `explain` tells what was found instead when it does not come. */
export async function until(
  condition: () => Promise<boolean>,
  explain: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const met = await condition().catch(() => false);
    if (met) return;
    if (Date.now() > deadline) throw new Error(`did not happen: ${condition}; ${JSON.stringify(await explain())}`);
    await pause(25);
  }
}
