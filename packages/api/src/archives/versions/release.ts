import type { Database } from "../../database/open-database.ts";
import { isOwnedBy, type UploadOwner } from "./owner.ts";

/**
 * Gives a reservation up. The number is not used again, because urls signed for it may still be good; its objects are garbage.
 * Nothing happens when the caller does not hold it: it is released, lost or published already.
 */
export async function release(tx: Database, storeKey: string, version: bigint, owner: UploadOwner): Promise<void> {
  const row = await tx
    .selectFrom("archive_versions")
    .selectAll()
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .where("state", "=", "uploading")
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined || !isOwnedBy(row, owner)) return;
  // What is being published right now stays as it is; the publisher finds out by itself how it ends.
  if (Number(row.publishing_until ?? 0) > Date.now()) return;
  await tx
    .updateTable("archive_versions")
    .set({ state: "released" })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .execute();
}
