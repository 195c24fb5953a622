import path from "node:path";
import { pino } from "pino";
import type { Settings } from "../configuration/settings.ts";
import { locationOf, openDatabase } from "../database/open-database.ts";
import { loadKeys } from "../secrets/key-file.ts";
import { collectGarbage } from "./lifecycle/collect-garbage.ts";
import { ManifestCache } from "./manifest/manifest-cache.ts";
import { openArchiveStore } from "./open-archive-store.ts";
import { scan } from "./versions/scan.ts";

const storeKeyPattern = /^[a-z0-9-]{6,}$/;

/** `blockvisor-api archives gc | scan`. @returns what to print, undefined when there is no such command */
export async function archiveCommand(
  settings: Settings,
  operands: readonly string[],
  dryRun: boolean,
): Promise<readonly string[] | undefined> {
  const [verb, storeKey, ...rest] = operands;
  if (rest.length > 0 || (verb !== "scan" && (verb !== "gc" || storeKey !== undefined))) return undefined;
  const database = await openDatabase(locationOf(settings, 2));
  try {
    const { db } = database;
    const keys = await loadKeys(path.join(settings.dataDir, "keys.json"));
    const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
    const { objects } = await openArchiveStore(settings, keys.master, log);
    if (verb === "gc") {
      const items = await collectGarbage({ db, objects, manifests: new ManifestCache(objects) }, { dryRun });
      const did = dryRun ? "would be removed" : "removed";
      const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
      return [
        ...items.map(({ storeKey: key, version, reason, objects: count, bytes }) => {
          const what = version === undefined ? key : `${key} version ${version}`;
          return `${what}: ${reason}; ${count} objects, ${bytes} bytes ${did}`;
        }),
        `${items.length === 0 ? "There is no garbage" : `${total} bytes ${did}`}.`,
      ];
    }
    const lines: string[] = [];
    const everyKey = async () => (await objects.folders("")).filter((name) => storeKeyPattern.test(name));
    for (const key of storeKey === undefined ? await everyKey() : [storeKey]) {
      const found = await scan(db, objects, key);
      if (found.length > 0) lines.push(`${key}: found ${found.map((version) => `version ${version}`).join(", ")}`);
    }
    return lines.length === 0 ? ["Nothing new was found."] : lines;
  } finally {
    await database.close();
  }
}
