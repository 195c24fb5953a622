import { rename } from "node:fs/promises";
import { isOperationError } from "@blockvisor/image/container";
import type { Logger } from "pino";
import { readVersioned, type VersionedSchema } from "./read-versioned.ts";

/**
 * As `readVersioned`, of a file whose loss is bearable: one that cannot be understood is set aside and told, and counts as missing. One that a
 * newer version wrote is refused like any other (spec host-daemon DB-1.4). Error `state-too-new`.
 */
export async function readOrSetAside<T>(
  path: string,
  format: VersionedSchema<T>,
  log: Pick<Logger, "error">,
): Promise<T | undefined> {
  try {
    return await readVersioned(path, format);
  } catch (error) {
    if (!isOperationError(error, "state-unreadable")) throw error;
    const aside = `${path}.corrupt-${Date.now()}`;
    await rename(path, aside);
    log.error(`${error.message}; it was set aside as ${aside}`);
    return undefined;
  }
}
