import type { Caller } from "../../auth/caller.ts";
import type { Platform } from "../../platform.ts";
import { invalidArgument, permissionDenied } from "../../rpc-error.ts";
import { uuid } from "../../wire-fields.ts";
import type { UploadOwner } from "../versions/owner.ts";

/** The grant for every archive that the host can see; no store key is so short. */
export const everyArchive = "*";

/**
 * Uploading is denied by default (D6-02, CA-6.2): a host needs a grant of an administrator, or to be named by `archiveUploaders` of this
 * process's settings. Platform administrators may always.
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
  if (named.includes(host.network_name) || named.includes(resource.id)) return;
  if (named.includes("private") && host.org_id !== null) return;
  const grant = await platform.db
    .selectFrom("archive_upload_grants")
    .select("host_id")
    .where("host_id", "=", resource.id)
    .where("store_key", "in", [storeKey, everyArchive])
    .executeTakeFirst();
  if (grant !== undefined) return;
  throw permissionDenied(
    `The host ${host.network_name} may not upload to ${storeKey}. Start blockvisor-api with '--archive-uploaders ${host.network_name}', or have an administrator grant it (GrantUpload).`,
  );
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
