import type { Selectable } from "kysely";
import type { ResourceRef } from "../../auth/caller.ts";
import type { Schema } from "../../database/schema.ts";

/** Who uploads: a host for one of its nodes, or an operator; and which of their uploads it is, where the client says so. */
export interface UploadOwner {
  readonly resource: ResourceRef;
  readonly nodeId: string | null;
  readonly uploadId: string | null;
  /** whose quota the upload uses; nobody's when an operator or a public host uploads for no node */
  readonly orgId: string | null;
}

export type VersionRow = Selectable<Schema["archive_versions"]>;

export const ownerColumns = ({ resource, nodeId, uploadId, orgId }: UploadOwner) => ({
  owner_type: resource.kind,
  owner_id: resource.id,
  owner_node_id: nodeId,
  owner_upload_id: uploadId,
  org_id: orgId,
});

export const isOwnedBy = (row: VersionRow, { resource, nodeId, uploadId }: UploadOwner): boolean =>
  row.owner_type === resource.kind &&
  row.owner_id === resource.id &&
  row.owner_node_id === nodeId &&
  row.owner_upload_id === uploadId;
