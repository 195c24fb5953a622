import { type Resource, ResourceSchema, ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { create } from "@bufbuild/protobuf";
import type { ResourceRef } from "./auth/caller.ts";
import type { ResourceKind } from "./database/schema.ts";
import { invalidArgument } from "./rpc-error.ts";
import { uuid } from "./wire-fields.ts";

const types = {
  user: ResourceType.USER,
  org: ResourceType.ORG,
  host: ResourceType.HOST,
  node: ResourceType.NODE,
} as const satisfies Record<ResourceKind, ResourceType>;

const kinds = new Map(Object.entries(types).map(([kind, type]) => [type as ResourceType, kind as ResourceKind]));

export const resourceMessage = (ref: ResourceRef): Resource =>
  create(ResourceSchema, { resourceType: types[ref.kind], resourceId: ref.id });

export function resourceRef(resource: Resource | undefined, field: string): ResourceRef {
  const kind = resource === undefined ? undefined : kinds.get(resource.resourceType);
  if (resource === undefined || kind === undefined) throw invalidArgument(field);
  return { kind, id: uuid(resource.resourceId, field) };
}

/** The columns every table with a creator has. */
export const createdBy = (ref: ResourceRef) => ({ created_by_type: ref.kind, created_by_id: ref.id });

export const creatorMessage = (row: { readonly created_by_type: ResourceKind; readonly created_by_id: string }) =>
  resourceMessage({ kind: row.created_by_type, id: row.created_by_id });
