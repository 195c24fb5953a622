import type { Caller } from "../../auth/caller.ts";
import type { Database } from "../../database/open-database.ts";
import type { Platform } from "../../platform.ts";
import { invalidArgument, permissionDenied } from "../../rpc-error.ts";
import { uuid } from "../../wire-fields.ts";
import type { UploadOwner } from "../versions/owner.ts";

/** The grant for every archive that the host can see; no store key is so short. */
export const everyArchive = "*";

/**
 * Uploading is denied by default (D6-02, CA-6.2): a host needs a grant of an administrator, or to be named by `archiveUploaders` of this
 * process's settings. What is not granted for this very archive lets a private host add to none that others have published to: everybody downloads
 * the newest version. Platform administrators may always.
 */
export async function requireUploadGrant(platform: Platform, caller: Caller, storeKey: string): Promise<void> {
  if (caller.permissions.has("archive-admin-get-upload-slots")) return;
  const { resource } = caller;
  const host =
    resource.kind !== "host"
      ? undefined
      : await platform.db
          .selectFrom("hosts")
          .select(["network_name", "org_id"])
          .where("id", "=", resource.id)
          .executeTakeFirst();
  if (host === undefined) throw permissionDenied("Only hosts and platform administrators upload archives.");
  const named = platform.settings.archiveUploaders;
  const grants = await platform.db
    .selectFrom("archive_upload_grants")
    .select("store_key")
    .where("host_id", "=", resource.id)
    .where("store_key", "in", [storeKey, everyArchive])
    .execute();
  if (grants.some((grant) => grant.store_key === storeKey)) return;
  const isNamed = named.includes(host.network_name) || named.includes(resource.id);
  if (grants.length > 0 || isNamed || (named.includes("private") && host.org_id !== null)) {
    // A public host is the platform's own.
    if (host.org_id === null || (await isOwn(platform.db, resource.id, host.org_id, storeKey))) return;
    throw permissionDenied(
      `The host ${host.network_name} may upload to archives of its own org, and others have published to ${storeKey}. Have an administrator grant it: bv archive grant ${resource.id} ${storeKey}`,
    );
  }
  throw permissionDenied(
    `The host ${host.network_name} may not upload to ${storeKey}. Start blockvisor-api with '--archive-uploaders ${host.network_name}', or have an administrator grant it (GrantUpload).`,
  );
}

/** Whether no other org has an image with this archive, and whatever is published there comes from the host or its org. */
async function isOwn(db: Database, hostId: string, orgId: string, storeKey: string): Promise<boolean> {
  const images = await db.selectFrom("archives").select("org_id").where("store_key", "=", storeKey).execute();
  if (images.some((row) => row.org_id !== null && row.org_id !== orgId)) return false;
  const foreign = await db
    .selectFrom("archive_versions")
    .select("version")
    .where("store_key", "=", storeKey)
    .where("state", "in", ["ready", "deprecated"])
    .where((row) =>
      row.and([
        row.or([row("org_id", "is", null), row("org_id", "!=", orgId)]),
        row.or([row("owner_id", "is", null), row("owner_id", "!=", hostId)]),
      ]),
    )
    .executeTakeFirst();
  return foreign === undefined;
}

/** Who holds the reservation: the caller, for a node of it and as one of its uploads when they are named. */
export async function uploadOwner(
  platform: Platform,
  caller: Caller,
  { nodeId, uploadId }: { readonly nodeId?: string | undefined; readonly uploadId?: string | undefined },
): Promise<UploadOwner> {
  if (uploadId !== undefined && !/^[a-zA-Z0-9-]{1,64}$/.test(uploadId)) throw invalidArgument("upload_id");
  const orgId = await orgOf(platform, caller);
  const owner = { resource: caller.resource, nodeId: null, uploadId: uploadId ?? null, orgId };
  if (nodeId === undefined || nodeId === "") return owner;
  const node = await platform.db
    .selectFrom("nodes")
    .select(["host_id", "org_id"])
    .where("id", "=", uuid(nodeId, "node_id"))
    .executeTakeFirst();
  // Nodes of a host's dev mode are known to nobody else: then the host alone is the owner.
  if (node === undefined) return owner;
  if (caller.resource.kind === "host" && node.host_id !== caller.resource.id) throw permissionDenied();
  return { ...owner, nodeId, orgId: node.org_id };
}

/** That of a private host. */
async function orgOf({ db }: Platform, { resource }: Caller): Promise<string | null> {
  if (resource.kind !== "host") return null;
  const host = await db.selectFrom("hosts").select("org_id").where("id", "=", resource.id).executeTakeFirst();
  return host?.org_id ?? null;
}
