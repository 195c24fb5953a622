import type { Database } from "../../database/open-database.ts";
import { notFound } from "../../rpc-error.ts";
import type { ManifestSummary } from "../manifest/manifest.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { VersionRow } from "./owner.ts";
import { scanOnce } from "./scan.ts";

export interface PublishedVersion {
  readonly storeKey: string;
  readonly version: bigint;
  readonly summary: ManifestSummary;
  readonly row: VersionRow;
}

/**
 * A version that can be downloaded: the newest that is not deprecated, or a certain one. Decided by the database alone (D6-04), after the
 * object store was looked through once for what other servers have published there.
 * @throws NOT_FOUND "Store not found." without any version, "Manifest not found." without this one
 */
export async function findVersion(
  db: Database,
  store: ObjectStore,
  storeKey: string,
  wanted: bigint | undefined,
): Promise<PublishedVersion> {
  await scanOnce(db, store, storeKey);
  const published = db
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .where("summary", "is not", null);
  const row = await (wanted === undefined
    ? published.where("state", "=", "ready").orderBy("version", "desc").limit(1)
    : published.where("version", "=", wanted).where("state", "in", ["ready", "deprecated"])
  ).executeTakeFirst();
  if (row?.summary == null) throw notFound(wanted === undefined ? "Store" : "Manifest");
  return { storeKey, version: row.version, summary: row.summary, row };
}
