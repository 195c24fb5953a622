import { setImmediate } from "node:timers/promises";

const SLICE_MS = 20;

/** Lets others have a turn now and then: what is synchronous per item would hold up signals and timers for long in large archives. */
export async function* paced<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  let since = performance.now();
  for (const item of items) {
    yield item;
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}
