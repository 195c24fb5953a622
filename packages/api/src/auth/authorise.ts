import type { Database } from "../database/open-database.ts";
import { invalidArgument, notFound, permissionDenied } from "../rpc-error.ts";
import { isUuid } from "../wire-fields.ts";
import { type Permission, type Rule, roles as roleNames, rolePermissions, type Target } from "./access-table.ts";
import type { Membership } from "./authenticate.ts";
import type { Caller } from "./caller.ts";

type KnownCaller = Omit<Caller, "orgIds" | "require"> & { readonly membership: Membership };

/**
 * The algorithm of spec §1.4.2, with permissions evaluated per target (CA-1.10): each target has to grant the permission by
 * itself, so roles in one org never help in another.
 */
export async function requireRule(db: Database, caller: KnownCaller, rule: Rule): Promise<void> {
  for (const target of rule.targets) if (!isUuid(target.id)) throw invalidArgument(target.field);
  if (rule.admin?.every((permission) => caller.permissions.has(permission))) return;
  if (rule.permission === undefined) {
    const missing = rule.admin?.find((permission) => !caller.permissions.has(permission));
    throw permissionDenied(missing === undefined ? undefined : `Missing permission: ${missing}`);
  }
  const permission = rule.permission;
  if (rule.targets.length === 0 && !caller.permissions.has(permission)) throw missing(permission);
  for (const target of rule.targets) {
    const granted = await grantedBy(db, caller, target, permission);
    if (!caller.permissions.has(permission) && !granted.has(permission)) throw missing(permission);
  }
}

const missing = (permission: Permission) => permissionDenied(`Missing permission: ${permission}`);
const nothing: ReadonlySet<Permission> = new Set();

/** Checks access to a target. @returns the permissions the caller's roles in the target's org add */
async function grantedBy(
  db: Database,
  caller: KnownCaller,
  target: Target,
  permission: Permission,
): Promise<ReadonlySet<Permission>> {
  const { resource } = caller;
  switch (target.kind) {
    case "user":
      if (resource.kind !== "user" || resource.id !== target.id) throw permissionDenied();
      return nothing;
    case "org": {
      const org = await db
        .selectFrom("orgs")
        .select("id")
        .where("id", "=", target.id)
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      if (org === undefined) throw notFound("Org");
      return inOrg(caller, target.id, permission);
    }
    case "host": {
      const host = await db.selectFrom("hosts").select("org_id").where("id", "=", target.id).executeTakeFirst();
      if (host === undefined) throw notFound("Host");
      if (resource.kind === "host" && resource.id === target.id) return nothing;
      // A public host belongs to nobody who calls: only itself and admins may touch it (CA-1.11).
      if (host.org_id === null || resource.kind === "host") throw permissionDenied();
      return inOrg(caller, host.org_id, permission);
    }
    case "node": {
      const node = await db
        .selectFrom("nodes")
        .select(["org_id", "host_id"])
        .where("id", "=", target.id)
        .executeTakeFirst();
      if (node === undefined) throw notFound("Node");
      if (resource.kind === "node" && resource.id === target.id) return nothing;
      if (resource.kind === "host") {
        if (node.host_id !== resource.id) throw permissionDenied();
        return nothing;
      }
      return inOrg(caller, node.org_id, permission);
    }
    case "command": {
      const command = await db.selectFrom("commands").select("host_id").where("id", "=", target.id).executeTakeFirst();
      if (command === undefined) throw notFound("Command");
      // Only the host that has to execute a command speaks about it (CA-3.4).
      if (resource.kind !== "host" || resource.id !== command.host_id) throw permissionDenied();
      return nothing;
    }
    case "invitation": {
      const invitation = await db
        .selectFrom("invitations")
        .select("org_id")
        .where("id", "=", target.id)
        .executeTakeFirst();
      if (invitation === undefined) throw notFound("Invitation");
      return inOrg(caller, invitation.org_id, permission);
    }
    case "api_key": {
      const key = await db.selectFrom("api_keys").select("user_id").where("id", "=", target.id).executeTakeFirst();
      if (key === undefined) throw notFound("Api key");
      return grantedBy(db, caller, { ...target, kind: "user", id: key.user_id }, permission);
    }
  }
}

function permissionsOf(roles: Iterable<string>): ReadonlySet<Permission> {
  const held = new Set<Permission>();
  for (const role of roles) for (const permission of rolePermissions.get(role) ?? []) held.add(permission);
  return held;
}

function inOrg(caller: KnownCaller, orgId: string, permission: Permission): ReadonlySet<Permission> {
  const { membership, resource } = caller;
  const roles = membership.roles.get(orgId);
  if (roles === undefined) throw permissionDenied(resource.kind === "user" ? "Permission denied." : undefined);
  const granted = permissionsOf(roles);
  if (caller.credential !== "api_key") return granted;
  // What an API key may do is written in the key and final (spec §1.4.2 step 3); that of a user never does more in an org than the user may there.
  if (resource.kind === "user" && !granted.has(permission)) {
    if (!permissionsOf([roleNames.login, ...membership.globalRoles]).has(permission)) throw missing(permission);
  }
  return nothing;
}
