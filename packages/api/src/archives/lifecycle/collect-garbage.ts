import type { Database } from "../../database/open-database.ts";
import type { Platform } from "../../platform.ts";
import { archiveKeys } from "../manifest/archive-keys.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { VersionRow } from "../versions/owner.ts";
import { adopt } from "../versions/publish.ts";
import { readPublished } from "../versions/scan.ts";
import { doomedVersions } from "./doomed-versions.ts";
import { sweepContents } from "./sweep-contents.ts";

export interface Garbage {
  readonly storeKey: string;
  /** absent: chunks that versions share */
  readonly version?: bigint;
  readonly reason: string;
  /** 0: nothing was removed, for this reason */
  readonly objects: number;
  readonly bytes: number;
}

export type Collector = Pick<Platform, "db" | "objects" | "manifests"> & {
  /** ends it between one object and the next */
  readonly signal?: AbortSignal;
};

/**
 * Removes abandoned uploads, versions that no policy keeps, and content that nothing refers to (D6-10). A version is marked in the database
 * before its first object goes and forgotten after its last, so it may be interrupted anywhere and run at any time.
 */
export async function collectGarbage(
  collector: Collector,
  options: { readonly dryRun: boolean; readonly now?: number },
): Promise<readonly Garbage[]> {
  const { db } = collector;
  const now = options.now ?? Date.now();
  const garbage: Garbage[] = [];
  const stores = await db.selectFrom("archive_stores").selectAll().orderBy("store_key").execute();
  for (const store of stores) {
    collector.signal?.throwIfAborted();
    const rows = await db
      .selectFrom("archive_versions")
      .selectAll()
      .where("store_key", "=", store.store_key)
      .orderBy("version", "desc")
      .execute();
    for (const { row, reason } of doomedVersions(store, rows, now)) {
      const found = await removeVersion(collector, row, options.dryRun);
      if (found !== undefined) garbage.push({ storeKey: row.store_key, version: row.version, reason, ...found });
    }
    const { unreadable, ...contents } = await sweepContents(collector, store.store_key, now, options.dryRun);
    if (contents.objects > 0) {
      garbage.push({ storeKey: store.store_key, reason: "chunks that no version refers to", ...contents });
    }
    if (unreadable !== undefined) {
      const reason = "its manifest cannot be read: every chunk that versions of the archive may share is kept";
      garbage.push({ storeKey: store.store_key, version: unreadable, reason, ...contents });
    }
  }
  return garbage;
}

async function removeVersion({ db, objects, manifests, signal }: Collector, row: VersionRow, dryRun: boolean) {
  const { store_key: storeKey, version } = row;
  if (row.state === "uploading" || row.state === "released") {
    // Its publisher was killed between the header and the row: readers of the bucket see the version, so it is one.
    const published = await readPublished(objects, storeKey, version);
    if (published !== undefined) {
      if (!dryRun) {
        await db.transaction().execute((tx) => adopt(tx, { storeKey, version }, published));
      }
      return undefined;
    }
  }
  if (!dryRun && !(await mark(db, row))) return undefined;
  const { found, ...size } = await measure(objects, archiveKeys.version(storeKey, version));
  if (!dryRun) {
    // Who reads the bucket without us stops seeing the version first.
    await objects.delete(archiveKeys.header(storeKey, version));
    for (const key of found) {
      signal?.throwIfAborted();
      await objects.delete(key);
    }
    manifests.forget(storeKey, version);
    await forget(db, row);
  }
  return size;
}

/** @returns false when the version is not any more what it was */
async function mark(db: Database, row: VersionRow): Promise<boolean> {
  let query = db
    .updateTable("archive_versions")
    .set({ state: "deleting" })
    .where("store_key", "=", row.store_key)
    .where("version", "=", row.version)
    .where("state", "=", row.state);
  query =
    row.lease_until === null
      ? query.where("lease_until", "is", null)
      : query.where("lease_until", "<=", row.lease_until);
  return (await query.returning("version").executeTakeFirst()) !== undefined;
}

const forget = (db: Database, row: VersionRow) =>
  db
    .deleteFrom("archive_versions")
    .where("store_key", "=", row.store_key)
    .where("version", "=", row.version)
    .where("state", "=", "deleting")
    .execute();

async function measure(objects: ObjectStore, prefix: string) {
  const found: string[] = [];
  let bytes = 0;
  for await (const { key, size } of objects.list(prefix)) {
    found.push(key);
    bytes += size;
  }
  return { found, objects: found.length, bytes };
}
