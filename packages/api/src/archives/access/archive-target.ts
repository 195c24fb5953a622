import type { ArchiveRef } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { Caller } from "../../auth/caller.ts";
import type { Database } from "../../database/open-database.ts";
import { viewerOf } from "../../protocols/catalogue.ts";
import { invalidArgument, notFound } from "../../rpc-error.ts";
import { key, uuid } from "../../wire-fields.ts";

/** How a request names an archive. */
export type ArchiveTarget =
  | { readonly kind: "id"; readonly archiveId: string; readonly orgId?: string | undefined }
  | { readonly kind: "key"; readonly storeKey: string; readonly orgId?: string | undefined };

export function targetOf(ref: ArchiveRef | undefined): ArchiveTarget {
  const orgId = ref?.orgId;
  switch (ref?.archive.case) {
    case "archiveId":
      return { kind: "id", archiveId: ref.archive.value, orgId };
    case "storeKey":
      return { kind: "key", storeKey: ref.archive.value, orgId };
    default:
      throw invalidArgument("archive");
  }
}

/**
 * The store key that a request is about. An archive that belongs to an org is there for that org only, also by its store key; keys of
 * services that no image's archive has are open to everybody who may ask at all (spec §6.3). Upper case is refused (D6-11).
 * @throws NOT_FOUND for what the caller may not see
 */
export async function storeKeyOf(db: Database, caller: Caller, target: ArchiveTarget): Promise<string> {
  const rows = db.selectFrom("archives").select(["store_key", "org_id"]);
  const found = await (target.kind === "id"
    ? rows.where("id", "=", uuid(target.archiveId, "archive_id"))
    : rows.where("store_key", "=", key(target.storeKey, "store_key", 6))
  ).execute();
  if (found.every((row) => row.org_id === null)) return found[0]?.store_key ?? unlisted(target);
  const named = target.orgId === undefined ? [] : [target.orgId];
  const viewer = viewerOf(caller, [...named, ...(await orgsOfNodes(db, caller))]);
  const visible = found.find((row) => row.org_id === null || viewer.everyOrg || viewer.orgIds.includes(row.org_id));
  if (visible === undefined) throw notFound("Image archive");
  return visible.store_key;
}

function unlisted(target: ArchiveTarget): string {
  if (target.kind === "id") throw notFound("Image archive");
  return target.storeKey;
}

/** A host asks for its nodes: on a public one they are of many orgs. */
async function orgsOfNodes(db: Database, { resource }: Caller): Promise<readonly string[]> {
  if (resource.kind !== "host") return [];
  const rows = await db.selectFrom("nodes").select("org_id").distinct().where("host_id", "=", resource.id).execute();
  return rows.map((row) => row.org_id);
}
