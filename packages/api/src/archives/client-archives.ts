import type {
  ArchiveServicePutDownloadManifestByStoreKeyRequest,
  DiscoverClientArchivesRequest,
} from "@blockvisor/wire/blockjoy/v1/archive";
import type { Caller } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { seenBy, viewerOf } from "../protocols/catalogue.ts";
import { notFound } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";

/** What an uploader says about its store key, for images whose nodes run several clients (spec §6.3). */
export async function recordClient(
  db: Database,
  caller: Caller,
  storeKey: string,
  hints: Pick<ArchiveServicePutDownloadManifestByStoreKeyRequest, "imageId" | "clientName" | "dataDirectory">,
): Promise<void> {
  const { imageId, clientName, dataDirectory } = hints;
  if (imageId === undefined || clientName === undefined || dataDirectory === undefined) return;
  await requireImage(db, caller, imageId, []);
  await db
    .insertInto("archive_clients")
    .values({
      image_id: imageId,
      client_name: text(clientName, "client_name", { min: 1, max: 128 }),
      store_key: storeKey,
      data_directory: text(dataDirectory, "data_directory", { min: 1, max: 1024 }),
    })
    .onConflict((conflict) =>
      conflict.columns(["image_id", "client_name"]).doUpdateSet({ store_key: storeKey, data_directory: dataDirectory }),
    )
    .execute();
}

/** What uploaders have recorded, or what the image's own archives say. */
export async function discoverClientArchives(
  db: Database,
  caller: Caller,
  { imageId, orgId }: DiscoverClientArchivesRequest,
) {
  await requireImage(db, caller, imageId, orgId === undefined ? [] : [orgId]);
  const recorded = await db
    .selectFrom("archive_clients")
    .selectAll()
    .where("image_id", "=", imageId)
    .orderBy("client_name")
    .execute();
  if (recorded.length > 0) {
    return recorded.map((row) => ({
      clientName: row.client_name,
      storeKey: row.store_key,
      dataDirectory: row.data_directory,
    }));
  }
  const archives = await db.selectFrom("archives").select("store_key").where("image_id", "=", imageId).execute();
  return archives.map(({ store_key }) => {
    // Store keys are named <protocol>-<client>-<network>-<node type>-v<n> (babel-agent §6.4).
    const client = store_key.split("-")[1] ?? store_key;
    return { clientName: client, storeKey: store_key, dataDirectory: client };
  });
}

async function requireImage(db: Database, caller: Caller, imageId: string, orgIds: readonly string[]): Promise<void> {
  const image = await db
    .selectFrom("images")
    .select("id")
    .where("id", "=", uuid(imageId, "image_id"))
    .where(seenBy(viewerOf(caller, orgIds), "images"))
    .executeTakeFirst();
  if (image === undefined) throw notFound("Image");
}
