import type { Database } from "../../database/open-database.ts";
import { archiveKeys } from "../manifest/archive-keys.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { largestBody } from "../manifest/manifest-cache.ts";
import { readBody, readHeader } from "../manifest/manifest-json.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { enterChunks } from "./known-chunks.ts";

const largestHeader = 1024 * 1024;
const versionName = /^[1-9][0-9]{0,17}$/;

/** Looks through the object store for an archive that the database has never heard of (CA-6.5). */
export async function scanOnce(db: Database, store: ObjectStore, storeKey: string): Promise<void> {
  const known = await db
    .selectFrom("archive_stores")
    .select("scanned_at")
    .where("store_key", "=", storeKey)
    .executeTakeFirst();
  if (known?.scanned_at != null) return;
  await scan(db, store, storeKey, known !== undefined);
}

/**
 * Enters every version that has header and body and is not in the database: archives that the reference, or another installation on the
 * same bucket, has published. @returns the numbers that were new
 */
export async function scan(
  db: Database,
  store: ObjectStore,
  storeKey: string,
  remember = true,
): Promise<readonly bigint[]> {
  const found: FoundVersion[] = [];
  for (const { version, manifest } of await foreignVersions(store, storeKey, await knownVersions(db, storeKey))) {
    if (manifest !== undefined) found.push({ version, manifest });
  }
  // Asking for archives that do not exist leaves nothing behind.
  if (found.length === 0 && !remember) return [];
  return enterVersions(db, storeKey, found);
}

export interface FoundVersion {
  readonly version: bigint;
  readonly manifest: Manifest;
}

/** What has a header in the object store. @param known versions that are not looked at. @returns no manifest where none can be read */
export async function foreignVersions(
  store: ObjectStore,
  storeKey: string,
  known: ReadonlySet<bigint>,
): Promise<readonly { readonly version: bigint; readonly manifest: Manifest | undefined }[]> {
  const names = await store.folders(archiveKeys.archive(storeKey));
  const found: { readonly version: bigint; readonly manifest: Manifest | undefined }[] = [];
  for (const version of names.filter((name) => versionName.test(name)).map(BigInt)) {
    if (known.has(version) || (await store.head(archiveKeys.header(storeKey, version))) === undefined) continue;
    found.push({ version, manifest: await readPublished(store, storeKey, version) });
  }
  return found;
}

async function knownVersions(db: Database, storeKey: string): Promise<ReadonlySet<bigint>> {
  const rows = await db.selectFrom("archive_versions").select("version").where("store_key", "=", storeKey).execute();
  return new Set(rows.map(({ version }) => version));
}

/** @returns the numbers that were new */
export function enterVersions(
  db: Database,
  storeKey: string,
  found: readonly FoundVersion[],
): Promise<readonly bigint[]> {
  return db.transaction().execute(async (tx) => {
    await tx
      .insertInto("archive_stores")
      .values({ store_key: storeKey, scanned_at: new Date(), keep_last: null, keep_days: null })
      .onConflict((conflict) => conflict.column("store_key").doUpdateSet({ scanned_at: new Date() }))
      .execute();
    const added: bigint[] = [];
    for (const { version, manifest } of found) {
      const row = await tx
        .insertInto("archive_versions")
        .values({
          store_key: storeKey,
          version,
          state: "ready",
          owner_type: null,
          owner_id: null,
          owner_node_id: null,
          lease_until: null,
          summary: JSON.stringify(manifest.summary),
        })
        .onConflict((conflict) => conflict.doNothing())
        .returning("version")
        .executeTakeFirst();
      if (row === undefined) continue;
      added.push(row.version);
      await enterChunks(tx, storeKey, manifest);
    }
    return added;
  });
}

/**
 * A version that exists: one with header and body. What cannot be read does not make one. The chunks are those of content-addressed
 * versions only, whose objects others may share; the body of other versions is not read.
 */
export async function readPublished(
  store: ObjectStore,
  storeKey: string,
  version: bigint,
): Promise<Manifest | undefined> {
  const header = await store.get(archiveKeys.header(storeKey, version), largestHeader);
  const bodyKey = archiveKeys.body(storeKey, version);
  if (header === undefined || (await store.head(bodyKey)) === undefined) return undefined;
  const summary = attempt(() => readHeader(header));
  if (summary === undefined || summary.layout === "parts") return summary && { summary, chunks: [] };
  const body = await store.get(bodyKey, largestBody);
  const chunks = body && attempt(() => readBody(body));
  return chunks && { summary, chunks };
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
