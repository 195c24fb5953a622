import type { Database } from "../../database/open-database.ts";
import { archiveKeys, ownerOfKey } from "../manifest/archive-keys.ts";
import { forgetChunk } from "../versions/known-chunks.ts";
import type { Collector } from "./collect-garbage.ts";

const day = 24 * 3600_000;
const graceMs = 7 * day;
/** Nothing is reserved while chunks are removed; renewed as long as it takes. */
const sweepMs = 60_000;

/**
 * Marks what the manifests of an archive refer to and removes the rest of its content-addressed chunks (babel-agent §9.3). Nothing is removed
 * while an upload runs, which might count on a chunk that only an older version has.
 */
export async function sweepContents(
  { db, objects, manifests, signal }: Collector,
  storeKey: string,
  now: number,
  dryRun: boolean,
): Promise<{ readonly objects: number; readonly bytes: number }> {
  let [count, bytes] = [0, 0];
  if ((await objects.folders(archiveKeys.contents(storeKey))).length === 0) return { objects: count, bytes };
  if (!dryRun && !(await holdReservations(db, storeKey))) return { objects: count, bytes };
  try {
    const referred = new Set<string>();
    const versions = await db
      .selectFrom("archive_versions")
      .selectAll()
      .where("store_key", "=", storeKey)
      .where("state", "in", ["ready", "deprecated", "uploading"])
      .execute();
    if (versions.some((row) => row.state === "uploading")) return { objects: count, bytes };
    for (const row of versions.filter(({ summary }) => summary?.layout === "cas")) {
      for (const { id } of await manifests.chunks(storeKey, row.version)) if (id !== undefined) referred.add(id);
    }
    let held = Date.now();
    for await (const object of objects.list(archiveKeys.contents(storeKey))) {
      signal?.throwIfAborted();
      const owner = ownerOfKey(object.key);
      if (owner?.kind !== "content" || referred.has(owner.id) || Number(object.modified) + graceMs > now) continue;
      count += 1;
      bytes += object.size;
      if (dryRun) continue;
      if (Date.now() - held > sweepMs / 3) {
        await holdReservations(db, storeKey);
        held = Date.now();
      }
      // The row first: a chunk that is thought to be missing is uploaded again, one that is thought to be there is not.
      await forgetChunk(db, storeKey, owner.id);
      await objects.delete(object.key);
    }
    return { objects: count, bytes };
  } finally {
    if (!dryRun) {
      await db.updateTable("archive_stores").set({ sweeping_until: null }).where("store_key", "=", storeKey).execute();
    }
  }
}

/** @returns false when an upload runs */
async function holdReservations(db: Database, storeKey: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await tx
      .updateTable("archive_stores")
      .set({ sweeping_until: new Date(Date.now() + sweepMs) })
      .where("store_key", "=", storeKey)
      .execute();
    const uploading = await tx
      .selectFrom("archive_versions")
      .select("version")
      .where("store_key", "=", storeKey)
      .where("state", "=", "uploading")
      .executeTakeFirst();
    if (uploading === undefined) return true;
    await tx.updateTable("archive_stores").set({ sweeping_until: null }).where("store_key", "=", storeKey).execute();
    return false;
  });
}
