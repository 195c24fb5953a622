import { FirewallConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import { UiType } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { present, visibilityMessage } from "../protocols/protocol-message.ts";
import { notFound } from "../rpc-error.ts";

type ImageRow = Selectable<Schema["images"]>;
type PropertyRow = Selectable<Schema["image_properties"]>;

/** An image with everything that belongs to it; `properties` are those that apply to its variant (CA-5.6). */
export interface ImageModel {
  readonly image: ImageRow;
  readonly version: Selectable<Schema["protocol_versions"]>;
  readonly properties: readonly PropertyRow[];
  readonly archives: readonly Selectable<Schema["archives"]>[];
}

/** @throws NOT_FOUND */
export async function loadImage(db: Database, imageId: string): Promise<ImageModel> {
  const image = await db.selectFrom("images").selectAll().where("id", "=", imageId).executeTakeFirst();
  if (image === undefined) throw notFound("Image");
  const version = await db
    .selectFrom("protocol_versions")
    .selectAll()
    .where("id", "=", image.protocol_version_id)
    .executeTakeFirstOrThrow();
  const properties = await db
    .selectFrom("image_properties")
    .selectAll()
    .where("image_id", "=", imageId)
    .orderBy("position")
    .execute();
  const archives = await db.selectFrom("archives").selectAll().where("image_id", "=", imageId).execute();
  return {
    image,
    version,
    archives,
    properties: properties.filter(({ variants }) => variants === null || variants.includes(version.variant_key)),
  };
}

export const imageMessage = ({ image, properties }: Pick<ImageModel, "image" | "properties">) => ({
  imageId: image.id,
  protocolVersionId: image.protocol_version_id,
  ...present("orgId", image.org_id),
  buildVersion: image.build_version,
  imageUri: image.image_uri,
  ...present("description", image.description),
  properties: properties.map(propertyMessage),
  firewall: fromBinary(FirewallConfigSchema, image.firewall),
  minCpuCores: image.min_cpu_cores,
  minMemoryBytes: image.min_memory_bytes,
  minDiskBytes: image.min_disk_bytes,
  minBabelVersion: image.min_babel_version,
  ramdisks: image.ramdisks.map(({ mount, sizeBytes }) => ({ mount, sizeBytes: BigInt(sizeBytes) })),
  visibility: visibilityMessage(image.visibility),
  createdAt: timestampFromDate(image.created_at),
  updatedAt: timestampFromDate(image.updated_at),
  ...present("dnsScheme", image.dns_scheme),
});

export const uiTypes = {
  switch: UiType.SWITCH,
  text: UiType.TEXT,
  password: UiType.PASSWORD,
  enum: UiType.ENUM,
} as const satisfies Record<PropertyRow["ui_type"], UiType>;

const propertyMessage = (row: PropertyRow) => ({
  imagePropertyId: row.id,
  imageId: row.image_id,
  key: row.key,
  ...present("keyGroup", row.key_group),
  ...present("isGroupDefault", row.is_group_default),
  newArchive: row.new_archive,
  defaultValue: row.default_value,
  dynamicValue: row.dynamic_value,
  uiType: uiTypes[row.ui_type],
  ...present("displayName", row.display_name),
  ...present("displayGroup", row.display_group),
  ...present("description", row.description),
  ...present("addCpuCores", row.add_cpu_cores),
  ...present("addMemoryBytes", row.add_memory_bytes),
  ...present("addDiskBytes", row.add_disk_bytes),
  ...(row.variants === null ? {} : { variants: JSON.stringify(row.variants) }),
});

/** Archives with the ids of the properties that select them; client and directory are told apart by the store key's end. */
export const archiveMessages = (
  archives: readonly Selectable<Schema["archives"]>[],
  properties: readonly Pick<PropertyRow, "id" | "key">[],
) =>
  archives.map((archive) => ({
    archiveId: archive.id,
    imageId: archive.image_id,
    storeKey: archive.store_key,
    imagePropertyIds: archive.combination
      .split(",")
      .flatMap((key) => properties.filter((property) => property.key === key).map((property) => property.id)),
  }));
