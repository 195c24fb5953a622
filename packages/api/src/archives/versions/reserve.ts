import { Code, ConnectError } from "@connectrpc/connect";
import type { Database } from "../../database/open-database.ts";
import { failedPrecondition, outOfRange } from "../../rpc-error.ts";
import { giveUp } from "./give-up.ts";
import { isOwnedBy, ownerColumns, type UploadOwner, type VersionRow } from "./owner.ts";

/** Readers that look for versions by number give up after ten that are missing. */
const largestStep = 10n;

export interface Reservation {
  readonly version: bigint;
  readonly leaseUntil: Date;
  /** not one that the owner had before */
  readonly isNew: boolean;
}

/**
 * Reserves a version, or renews the caller's own reservation (D6-03, CA-6.1). One upload of an archive runs at a time; everything is decided
 * under the lock of the archive's row. A number is given to somebody else only when the lease, and with it every signed url, is over.
 * @param wanted a certain version; absent: the caller's own, or the next one
 * @throws ALREADY_EXISTS, FAILED_PRECONDITION when the caller's lease is lost, UNAVAILABLE while the archive is cleaned up
 */
export async function reserve(
  tx: Database,
  storeKey: string,
  owner: UploadOwner,
  wanted: bigint | undefined,
  leaseSeconds: number,
): Promise<Reservation> {
  await lockStore(tx, storeKey);
  const rows = await tx
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .orderBy("version", "desc")
    .execute();
  const now = Date.now();
  const leaseUntil = new Date(now + leaseSeconds * 1000);
  const running = rows.find((row) => row.state === "uploading");
  if (running !== undefined && isOwnedBy(running, owner) && (wanted ?? running.version) === running.version) {
    return renew(tx, running, leaseUntil);
  }
  if (running !== undefined && isLive(running, now)) throw taken(running.version);
  const known = wanted === undefined ? undefined : rows.find((row) => row.version === wanted);
  if (known !== undefined && known.state !== "uploading") {
    if (known.state === "released" && isOwnedBy(known, owner)) throw lostLease(known.version);
    throw taken(known.version);
  }
  const latest = rows[0]?.version ?? 0n;
  const version = wanted ?? running?.version ?? latest + 1n;
  if (version > latest + largestStep) throw outOfRange("data_version", `the newest version is ${latest}`);
  // Whoever let the lease run out has lost it, also when another number is reserved now.
  if (running !== undefined && running.version !== version) await giveUp(tx, storeKey, running.version);
  await tx
    .insertInto("archive_versions")
    .values({ store_key: storeKey, version, state: "uploading", ...ownerColumns(owner), lease_until: leaseUntil })
    .onConflict((conflict) =>
      conflict.columns(["store_key", "version"]).doUpdateSet({
        ...ownerColumns(owner),
        created_at: new Date(now),
        lease_until: leaseUntil,
        publishing_digest: null,
        publishing_until: null,
      }),
    )
    .execute();
  return { version, leaseUntil, isNew: true };
}

/** @throws UNAVAILABLE while its unused chunks are being removed */
async function lockStore(tx: Database, storeKey: string): Promise<void> {
  await tx
    .insertInto("archive_stores")
    .values({ store_key: storeKey, keep_last: null, keep_days: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const store = await tx
    .selectFrom("archive_stores")
    .select("sweeping_until")
    .where("store_key", "=", storeKey)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (store.sweeping_until !== null && Number(store.sweeping_until) > Date.now()) {
    throw new ConnectError("The archive is being cleaned up; try again in a minute.", Code.Unavailable);
  }
}

const isLive = (row: VersionRow, now: number): boolean => Number(row.lease_until ?? 0) > now;

export const taken = (version: bigint) => new ConnectError(`Data version: ${version}`, Code.AlreadyExists);

export const lostLease = (version: bigint) =>
  failedPrecondition(`The reservation of version ${version} is lost; reserve again without a version.`);

async function renew(tx: Database, row: VersionRow, leaseUntil: Date): Promise<Reservation> {
  const later = Number(row.lease_until ?? 0) > Number(leaseUntil) ? (row.lease_until ?? leaseUntil) : leaseUntil;
  await tx
    .updateTable("archive_versions")
    .set({ lease_until: later })
    .where("store_key", "=", row.store_key)
    .where("version", "=", row.version)
    .execute();
  return { version: row.version, leaseUntil: later, isNew: false };
}
