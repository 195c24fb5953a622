import { QuotaExceededSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { Code, ConnectError } from "@connectrpc/connect";
import { sql } from "kysely";
import type { Settings } from "../../configuration/settings.ts";
import type { Database } from "../../database/open-database.ts";

/** What the archives of an org may take (D6-13); absent: as much as one likes. */
export interface Quota {
  readonly storedBytes?: bigint;
  readonly uploadsPerDay?: number;
}

export type QuotaSettings = Pick<Settings, "archiveBytesPerOrg" | "archiveUploadsPerDay">;

const dayMs = 24 * 3600_000;

/** What was set for the org, else what the settings say. */
export async function quotaOf(db: Database, settings: QuotaSettings, orgId: string): Promise<Quota> {
  const own = await db.selectFrom("archive_quotas").selectAll().where("org_id", "=", orgId).executeTakeFirst();
  const { archiveBytesPerOrg, archiveUploadsPerDay } = settings;
  const bytes = own?.stored_bytes ?? (archiveBytesPerOrg === undefined ? null : BigInt(archiveBytesPerOrg));
  const uploads = own?.uploads_per_day ?? archiveUploadsPerDay ?? null;
  return {
    ...(bytes === null ? {} : { storedBytes: bytes }),
    ...(uploads === null ? {} : { uploadsPerDay: uploads }),
  };
}

/** Bytes of the published versions that the org uploaded; a chunk that versions share counts once. */
export async function storedBytes(db: Database, orgId: string): Promise<bigint> {
  const { rows } = await sql<{ readonly bytes: bigint }>`select (
      (select coalesce(sum(stored_size), 0) from archive_versions
        where org_id = ${orgId} and state in ('ready', 'deprecated') and summary->>'layout' = 'parts')
      + (select coalesce(sum(size), 0) from archive_chunks where org_id = ${orgId}))::bigint as bytes`.execute(db);
  return BigInt(rows[0]?.bytes ?? 0);
}

/** Uploads that the org began in the last 24 hours. */
export async function uploadsToday(db: Database, orgId: string): Promise<number> {
  const { count } = await db
    .selectFrom("archive_versions")
    .select((expression) => expression.fn.countAll<bigint>().as("count"))
    .where("org_id", "=", orgId)
    .where("created_at", ">", new Date(Date.now() - dayMs))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * At the end of the transaction that reserves, or in one that publishes; uploads of one org are looked at one after the other.
 * @param bytes about to be stored @param begins whether it is an upload that did not run before @throws RESOURCE_EXHAUSTED with a QuotaExceeded
 */
export async function requireQuota(
  tx: Database,
  settings: QuotaSettings,
  orgId: string | null,
  { bytes, begins }: { readonly bytes: bigint; readonly begins: boolean },
): Promise<void> {
  if (orgId === null) return;
  const quota = await quotaOf(tx, settings, orgId);
  if (quota.storedBytes === undefined && quota.uploadsPerDay === undefined) return;
  await tx.selectFrom("orgs").select("id").where("id", "=", orgId).forNoKeyUpdate().execute();
  if (begins && quota.uploadsPerDay !== undefined && (await uploadsToday(tx, orgId)) > quota.uploadsPerDay) {
    const said = `began ${quota.uploadsPerDay} uploads of archives in 24 hours, as many as it may`;
    throw exceeded(orgId, { uploadsPerDay: quota.uploadsPerDay }, said);
  }
  if (quota.storedBytes === undefined) return;
  const stored = await storedBytes(tx, orgId);
  // Without a byte left there is no use in beginning.
  if (stored + (bytes === 0n && begins ? 1n : bytes) > quota.storedBytes) {
    const room = bytes === 0n ? "" : `, there is no room for ${bytes} more`;
    const said = `has ${stored} of ${quota.storedBytes} bytes of archives that it may store${room}`;
    throw exceeded(orgId, { storedBytes: quota.storedBytes }, said);
  }
}

const exceeded = (orgId: string, quota: Quota, said: string) =>
  new ConnectError(
    `The quota is used up: the org ${said}. Delete versions, or have an administrator raise it (SetQuota).`,
    Code.ResourceExhausted,
    undefined,
    [{ desc: QuotaExceededSchema, value: { orgId, quota } }],
  );
