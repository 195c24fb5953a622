import type { Database } from "../../database/open-database.ts";
import { ownerOfKey } from "../manifest/archive-keys.ts";

/**
 * Whether an object that was signed for writing may still be written: its version is being uploaded, or it is a chunk of content that no
 * published version refers to. Keeps what is published as it is, however long a url lives.
 */
export async function isWritable(db: Database, objectKey: string): Promise<boolean> {
  const owner = ownerOfKey(objectKey);
  if (owner === undefined) return false;
  const uploading = await db
    .selectFrom("archive_versions")
    .select("version")
    .where("store_key", "=", owner.storeKey)
    .where("state", "=", "uploading")
    .executeTakeFirst();
  if (uploading === undefined) return false;
  if (owner.kind === "version") return uploading.version === owner.version;
  const known = await db
    .selectFrom("archive_chunks")
    .select("id")
    .where("store_key", "=", owner.storeKey)
    .where("id", "=", Buffer.from(owner.id, "hex"))
    .executeTakeFirst();
  return known === undefined;
}
