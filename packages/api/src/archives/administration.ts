import type { ArchiveStoreService, UploadGrant } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { type Platform, transact } from "../platform.ts";
import { createdBy } from "../resource.ts";
import { invalidArgument, notFound } from "../rpc-error.ts";
import { int8, key, positive, uuid } from "../wire-fields.ts";
import { quotaOf, storedBytes, uploadsToday } from "./access/org-quota.ts";
import { everyArchive } from "./access/upload-grant.ts";
import { collectGarbage } from "./lifecycle/collect-garbage.ts";
import { releaseReservation } from "./versions/release.ts";

type Methods = Pick<
  ServiceImpl<typeof ArchiveStoreService>,
  | "deprecateVersion"
  | "setRetention"
  | "grantUpload"
  | "revokeUpload"
  | "listUploadGrants"
  | "setQuota"
  | "getQuota"
  | "releaseReservation"
  | "collectGarbage"
>;

/** What platform administrators do with archives. */
export function administration(platform: Platform): Methods {
  const { db } = platform;
  return {
    async deprecateVersion(request) {
      const [from, to] = request.deprecated ? (["ready", "deprecated"] as const) : (["deprecated", "ready"] as const);
      const row = await db
        .updateTable("archive_versions")
        .set({ state: to })
        .where("store_key", "=", key(request.storeKey, "store_key", 6))
        .where("version", "=", positive(request.dataVersion, "data_version"))
        .where("state", "in", [from, to])
        .returning("version")
        .executeTakeFirst();
      if (row === undefined) throw notFound("Manifest");
      return {};
    },

    async setRetention({ storeKey, keepLast, keepDays }) {
      if (keepLast === 0) throw invalidArgument("keep_last", "keeps at least one version");
      await transact(platform, (tx) =>
        tx
          .insertInto("archive_stores")
          .values({
            store_key: key(storeKey, "store_key", 6),
            keep_last: keepLast ?? null,
            keep_days: keepDays ?? null,
          })
          .onConflict((conflict) =>
            conflict.column("store_key").doUpdateSet({ keep_last: keepLast ?? null, keep_days: keepDays ?? null }),
          )
          .execute(),
      );
      return {};
    },

    async grantUpload({ grant }, context) {
      const { resource } = callerOf(context);
      const row = grantRow(grant);
      const host = await db.selectFrom("hosts").select("id").where("id", "=", row.host_id).executeTakeFirst();
      if (host === undefined) throw notFound("Host");
      await db
        .insertInto("archive_upload_grants")
        .values({ ...row, ...createdBy(resource) })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      platform.log.info({ ...row, by: resource }, "granted uploading of archives");
      return {};
    },

    async revokeUpload({ grant }, context) {
      const row = grantRow(grant);
      await db
        .deleteFrom("archive_upload_grants")
        .where("host_id", "=", row.host_id)
        .where("store_key", "=", row.store_key)
        .execute();
      platform.log.info({ ...row, by: callerOf(context).resource }, "revoked uploading of archives");
      return {};
    },

    async listUploadGrants() {
      const rows = await db.selectFrom("archive_upload_grants").selectAll().orderBy("created_at").execute();
      return {
        grants: rows.map((row) => ({
          hostId: row.host_id,
          ...(row.store_key === everyArchive ? {} : { storeKey: row.store_key }),
        })),
      };
    },

    async setQuota({ orgId, quota }, context) {
      const id = await orgNamed(db, orgId);
      const own = {
        stored_bytes: quota?.storedBytes === undefined ? null : int8(quota.storedBytes, "quota.stored_bytes"),
        uploads_per_day: quota?.uploadsPerDay === undefined ? null : Math.min(quota.uploadsPerDay, mostUploads),
      };
      await db
        .insertInto("archive_quotas")
        .values({ org_id: id, ...own })
        .onConflict((conflict) => conflict.column("org_id").doUpdateSet(own))
        .execute();
      platform.log.info({ org: id, ...own, by: callerOf(context).resource }, "set the quota of an org's archives");
      return { quota: await quotaOf(db, platform.settings, id) };
    },

    async getQuota({ orgId }) {
      const id = await orgNamed(db, orgId);
      return {
        quota: await quotaOf(db, platform.settings, id),
        storedBytes: await storedBytes(db, id),
        uploads: await uploadsToday(db, id),
      };
    },

    async releaseReservation({ storeKey }, context) {
      const name = key(storeKey, "store_key", 6);
      const { version, owner_id } = await transact(platform, (tx) => releaseReservation(tx, name));
      const by = callerOf(context).resource;
      platform.log.info({ storeKey: name, version: String(version), of: owner_id, by }, "released an upload");
      return { dataVersion: version };
    },

    async collectGarbage({ dryRun }) {
      const items = await collectGarbage(platform, { dryRun });
      return {
        items: items.map(({ storeKey, version, reason, objects, bytes }) => ({
          storeKey,
          dataVersion: version ?? 0n,
          reason,
          objects: BigInt(objects),
          bytes: BigInt(bytes),
        })),
      };
    },
  };
}

const mostUploads = 2 ** 31 - 1;

async function orgNamed(db: Database, orgId: string): Promise<string> {
  const org = await db.selectFrom("orgs").select("id").where("id", "=", uuid(orgId, "org_id")).executeTakeFirst();
  if (org === undefined) throw notFound("Org");
  return org.id;
}

function grantRow(grant: UploadGrant | undefined) {
  if (grant === undefined) throw invalidArgument("grant");
  return {
    host_id: uuid(grant.hostId, "host_id"),
    store_key: grant.storeKey === undefined ? everyArchive : key(grant.storeKey, "store_key", 6),
  };
}
