import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Selectable } from "kysely";
import type { Schema, Visibility as VisibilityName } from "../database/schema.ts";
import { invalidArgument } from "../rpc-error.ts";

const visibilities = {
  public: Visibility.PUBLIC,
  private: Visibility.PRIVATE,
  development: Visibility.DEVELOPMENT,
} as const satisfies Record<VisibilityName, Visibility>;

export const visibilityMessage = (name: VisibilityName): Visibility => visibilities[name];

export function visibilityName(visibility: Visibility, field = "visibility"): VisibilityName {
  const found = Object.entries(visibilities).find(([, value]) => value === visibility);
  if (found === undefined) throw invalidArgument(field);
  return found[0] as VisibilityName;
}

/** Absent optional fields stay absent on the wire. */
export const present = <Key extends string, Value>(key: Key, value: Value | null) =>
  (value === null ? {} : { [key]: value }) as { readonly [K in Key]?: Value };

export const versionMessage = (row: Selectable<Schema["protocol_versions"]>) => ({
  protocolVersionId: row.id,
  ...present("orgId", row.org_id),
  protocolId: row.protocol_id,
  versionKey: { protocolKey: row.protocol_key, variantKey: row.variant_key },
  metadata: row.metadata.map(({ key, value, description }) => ({
    metadataKey: key,
    value,
    ...(description === undefined ? {} : { description }),
  })),
  semanticVersion: row.semantic_version,
  skuCode: row.sku_code,
  ...present("description", row.description),
  visibility: visibilityMessage(row.visibility),
  createdAt: timestampFromDate(row.created_at),
  updatedAt: timestampFromDate(row.updated_at),
});

export const protocolMessage = (
  row: Selectable<Schema["protocols"]>,
  versions: readonly Selectable<Schema["protocol_versions"]>[],
) => ({
  protocolId: row.id,
  ...present("orgId", row.org_id),
  key: row.key,
  name: row.name,
  ...present("description", row.description),
  ...present("ticker", row.ticker),
  visibility: visibilityMessage(row.visibility),
  createdAt: timestampFromDate(row.created_at),
  updatedAt: timestampFromDate(row.updated_at),
  versions: versions.map(versionMessage),
});
