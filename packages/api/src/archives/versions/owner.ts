import type { Selectable } from "kysely";
import type { ResourceRef } from "../../auth/caller.ts";
import type { Schema } from "../../database/schema.ts";

/** Who uploads: a host for one of its nodes, or an operator. */
export interface UploadOwner {
  readonly resource: ResourceRef;
  readonly nodeId: string | null;
}

export type VersionRow = Selectable<Schema["archive_versions"]>;

export const ownerColumns = ({ resource, nodeId }: UploadOwner) => ({
  owner_type: resource.kind,
  owner_id: resource.id,
  owner_node_id: nodeId,
});

export const isOwnedBy = (row: VersionRow, { resource, nodeId }: UploadOwner): boolean =>
  row.owner_type === resource.kind && row.owner_id === resource.id && row.owner_node_id === nodeId;
