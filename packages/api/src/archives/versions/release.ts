import { Code, ConnectError } from "@connectrpc/connect";
import type { Database } from "../../database/open-database.ts";
import { notFound } from "../../rpc-error.ts";
import { giveUp } from "./give-up.ts";
import { isOwnedBy, type UploadOwner, type VersionRow } from "./owner.ts";

/**
 * Gives a reservation up. The number is not used again, because urls signed for it may still be good; its objects are garbage.
 * Nothing happens when the caller does not hold it: it is released, lost or published already.
 */
export async function release(tx: Database, storeKey: string, version: bigint, owner: UploadOwner): Promise<void> {
  const row = await lockReservation(tx, storeKey);
  if (row === undefined || row.version !== version || !isOwnedBy(row, owner)) return;
  // What is being published right now stays as it is; the publisher finds out by itself how it ends.
  if (!isPublishing(row)) await giveUp(tx, storeKey, row.version);
}

/**
 * Gives up the reservation of whoever holds it: an upload that somebody knows to be dead need not be waited for (D6-03).
 * @returns the version @throws NOT_FOUND when nothing is reserved, UNAVAILABLE while it is being published
 */
export async function releaseReservation(tx: Database, storeKey: string): Promise<VersionRow> {
  const row = await lockReservation(tx, storeKey);
  if (row === undefined) throw notFound("Upload");
  if (isPublishing(row)) {
    throw new ConnectError(`Version ${row.version} is being published; try again in a minute.`, Code.Unavailable);
  }
  await giveUp(tx, storeKey, row.version);
  return row;
}

const isPublishing = (row: VersionRow): boolean => Number(row.publishing_until ?? 0) > Date.now();

/** There is one at most. */
const lockReservation = (tx: Database, storeKey: string): Promise<VersionRow | undefined> =>
  tx
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .where("state", "=", "uploading")
    .forUpdate()
    .executeTakeFirst();
