import type { Database } from "../../database/open-database.ts";

/** The version will not be published, and its number is not used again. Nothing happens when it is published already. */
export async function giveUp(tx: Database, storeKey: string, version: bigint): Promise<void> {
  await tx
    .updateTable("archive_versions")
    .set({ state: "released" })
    .where("store_key", "=", storeKey)
    .where("version", "=", version)
    .where("state", "=", "uploading")
    .execute();
}
