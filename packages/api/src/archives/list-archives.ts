import { type ListArchivesRequest, VersionState } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { sql } from "kysely";
import type { Caller } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { ArchiveVersionState } from "../database/schema.ts";
import { viewerOf } from "../protocols/catalogue.ts";
import { key, uuid } from "../wire-fields.ts";
import { compressionMessage, layouts } from "./manifest/manifest-messages.ts";
import type { VersionRow } from "./versions/owner.ts";

const states = {
  uploading: VersionState.UPLOADING,
  released: VersionState.DELETING,
  ready: VersionState.READY,
  deprecated: VersionState.DEPRECATED,
  deleting: VersionState.DELETING,
} as const satisfies Record<ArchiveVersionState, VersionState>;

const mostArchives = 1000;

/** A page of archives with their versions and sizes, from the database alone (D6-09): those of images that the caller can see, and nobody's. */
export async function listArchives(db: Database, caller: Caller, request: ListArchivesRequest) {
  const viewer = viewerOf(caller, request.orgId === undefined ? [] : [request.orgId]);
  const limit = Math.min(request.limit || mostArchives, mostArchives);
  // In the order of the bytes, whatever the database's language.
  const byKey = sql.raw(`store_key collate "C"`);
  let query = db
    .selectFrom("archive_stores")
    .selectAll()
    .orderBy(byKey)
    .limit(limit + 1);
  if (request.after !== undefined) query = query.where(byKey, ">", key(request.after, "after", 6));
  if (request.storeKey !== undefined) query = query.where("store_key", "=", key(request.storeKey, "store_key", 6));
  if (request.imageId !== undefined) {
    const imageId = uuid(request.imageId, "image_id");
    query = query.where("store_key", "in", (of) =>
      of.selectFrom("archives").select("store_key").where("image_id", "=", imageId),
    );
  }
  if (!viewer.everyOrg) {
    const foreign =
      viewer.orgIds.length === 0 ? sql<boolean>`true` : sql<boolean>`org_id not in (${sql.join(viewer.orgIds)})`;
    query = query.where(
      sql<boolean>`not exists (select 1 from archives where archives.store_key = archive_stores.store_key
        and org_id is not null and ${foreign}
        and not exists (select 1 from archives other where other.store_key = archive_stores.store_key and other.org_id is null))`,
    );
  }
  const found = await query.execute();
  const stores = found.slice(0, limit);
  if (stores.length === 0) return { archives: [], more: false };
  const keys = stores.map((store) => store.store_key);
  const versions = await db
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "in", keys)
    .orderBy("version")
    .execute();
  const shared = await db
    .selectFrom("archive_chunks")
    .select(["store_key", sql<bigint>`sum(size)::bigint`.as("bytes")])
    .where("store_key", "in", keys)
    .groupBy("store_key")
    .execute();
  const archives = stores.map((store) => {
    const own = versions.filter((row) => row.store_key === store.store_key);
    const parts = own.filter((row) => row.summary?.layout === "parts");
    return {
      storeKey: store.store_key,
      versions: own
        .filter((row) => request.allVersions || row.state === "ready")
        .map((row) => versionMessage(row, caller.permissions.has("archive-admin-manage"))),
      storedSize:
        parts.reduce((sum, row) => sum + (row.stored_size ?? 0n), 0n) +
        (shared.find((row) => row.store_key === store.store_key)?.bytes ?? 0n),
      ...(store.keep_last === null ? {} : { keepLast: store.keep_last }),
      ...(store.keep_days === null ? {} : { keepDays: store.keep_days }),
      downloads: store.downloads,
      servedBytes: store.served_bytes,
    };
  });
  return { archives, more: found.length > limit };
}

function versionMessage(row: VersionRow, withPublisher: boolean) {
  const { summary, published_at, lease_until, owner_id } = row;
  return {
    dataVersion: row.version,
    state: states[row.state],
    totalSize: BigInt(summary?.totalSize ?? 0),
    storedSize: row.stored_size ?? 0n,
    chunks: summary?.chunks ?? 0,
    ...(summary?.zstd === undefined ? {} : { compression: compressionMessage(summary.zstd) }),
    layout: layouts[summary?.layout ?? "parts"],
    ...(published_at === null ? {} : { publishedAt: BigInt(Math.floor(Number(published_at) / 1000)) }),
    ...(owner_id === null || !withPublisher ? {} : { publishedBy: owner_id }),
    source: { ...summary?.source },
    downloads: BigInt(row.downloads),
    ...(lease_until === null ? {} : { leaseUntil: BigInt(Math.floor(Number(lease_until) / 1000)) }),
  };
}
