import { randomInt } from "node:crypto";
import { OperationError } from "@blockvisor/image/container";

/** User and group ids of a container: 0 up to this, exclusive. */
export const RANGE_SIZE = 65_536;

/** Above what systemd-nspawn gives away, below what the kernel takes for a group in `ping_group_range`. */
const FIRST = 0x7000_0000;
const COUNT = 4_095;

/**
 * First id of a range that nobody has; `taken` are the first ids of those that are in use. By chance, so that another installation, or a
 * process that a dead container left, is not met again at once. Error `no-id-range`.
 */
export function chooseRange(taken: ReadonlySet<number>): number {
  const start = randomInt(COUNT);
  for (let step = 0; step < COUNT; step += 1) {
    const base = FIRST + ((start + step) % COUNT) * RANGE_SIZE;
    if (!taken.has(base)) return base;
  }
  throw new OperationError("no-id-range", `all ${COUNT} ranges of user ids are in use`, {
    fix: "delete nodes, or set user_namespaces to off in blockvisor.json",
  });
}
