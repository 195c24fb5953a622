import type { Value } from "./value.ts";

/**
 * An empty list for script values. V8 keeps arrays of small integers, of doubles and of anything in different forms;
 * starting out as "anything" keeps all arrays alike, so that code that reads them stays fast for all.
 */
export function newItems(): Value[] {
  const items: Value[] = [undefined];
  items.pop();
  return items;
}
