import type { Database } from "../database/open-database.ts";
import { permissionDenied, unauthenticated } from "../rpc-error.ts";
import { globalRoles, isPermission, type Permission, roles as roleNames, rolePermissions } from "./access-table.ts";
import type { AccessTokens } from "./access-token.ts";
import { hashApiSecret, looksLikeApiKey, parseApiKey, sameBytes } from "./api-key.ts";
import { requireRule } from "./authorise.ts";
import type { Caller, ResourceRef } from "./caller.ts";

const maximumTokenLength = 4096;

/** @throws UNAUTHENTICATED when the header is absent or not a bearer token */
export function bearerToken(header: string | null): string {
  if (header === null) throw unauthenticated("Missing auth header.");
  const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
  if (token === undefined || token.length > maximumTokenLength) throw unauthenticated("Bad auth header.");
  return token;
}

/** Turns an access token or API key into the caller it stands for. */
export async function authenticate(db: Database, tokens: AccessTokens, token: string): Promise<Caller> {
  if (looksLikeApiKey(token)) return apiKeyCaller(db, token);
  const claims = await tokens.verify(token);
  const membership = await membershipOf(db, claims.resource);
  const held = new Set<Permission>();
  for (const role of [...claims.roles, ...membership.globalRoles]) addAll(held, rolePermissions.get(role));
  return caller(db, {
    resource: claims.resource,
    credential: "access_token",
    tokenId: claims.tokenId,
    permissions: held,
    membership,
  });
}

async function apiKeyCaller(db: Database, token: string): Promise<Caller> {
  const parsed = parseApiKey(token);
  const row =
    parsed === undefined
      ? undefined
      : await db.selectFrom("api_keys").selectAll().where("id", "=", parsed.id).executeTakeFirst();
  if (
    parsed === undefined ||
    row === undefined ||
    !sameBytes(hashApiSecret(row.salt, parsed.secret), row.secret_hash)
  ) {
    throw permissionDenied("Invalid API key.");
  }
  const resource = { kind: row.resource_type, id: row.resource_id };
  const [membership, owner] = await Promise.all([
    membershipOf(db, resource),
    membershipOf(db, { kind: "user", id: row.user_id }),
  ]);
  // A key never outlives what its owner may do (CA-1.17): somebody who left the org leaves its keys powerless.
  const ownerHolds = userPermissions(owner, await orgOf(db, resource));
  const held = new Set(row.permissions.filter(isPermission).filter((permission) => ownerHolds.has(permission)));
  return caller(db, { resource, credential: "api_key", tokenId: row.id, permissions: held, membership });
}

export interface Membership {
  /** roles by org */
  readonly roles: ReadonlyMap<string, ReadonlySet<string>>;
  readonly globalRoles: readonly string[];
}

/** What a resource belongs to. @throws UNAUTHENTICATED when it does not exist any more */
export async function membershipOf(db: Database, resource: ResourceRef): Promise<Membership> {
  const none = { roles: new Map<string, ReadonlySet<string>>(), globalRoles: [] };
  switch (resource.kind) {
    case "user": {
      const rows = await db
        .selectFrom("users")
        .leftJoin("user_roles", "user_roles.user_id", "users.id")
        .leftJoin("orgs", "orgs.id", "user_roles.org_id")
        .select(["user_roles.org_id", "user_roles.role", "orgs.deleted_at"])
        .where("users.id", "=", resource.id)
        .where("users.deleted_at", "is", null)
        .execute();
      if (rows.length === 0) throw unauthenticated("Access denied.");
      const byOrg = new Map<string, Set<string>>();
      const everywhere = new Set<string>();
      for (const { org_id, role, deleted_at } of rows) {
        if (org_id === null || role === null || deleted_at !== null) continue;
        byOrg.set(org_id, (byOrg.get(org_id) ?? new Set()).add(role));
        if (globalRoles.includes(role)) everywhere.add(role);
      }
      return { roles: byOrg, globalRoles: [...everywhere] };
    }
    case "host": {
      const host = await db.selectFrom("hosts").select("org_id").where("id", "=", resource.id).executeTakeFirst();
      if (host === undefined) throw unauthenticated("Access denied.");
      return host.org_id === null ? none : { ...none, roles: new Map([[host.org_id, new Set<string>()]]) };
    }
    case "org":
      return { ...none, roles: new Map([[resource.id, new Set<string>()]]) };
    case "node":
      return none;
  }
}

/** Everything a user may do in an org (or outside of any). */
export function userPermissions(membership: Membership, orgId: string | undefined): ReadonlySet<Permission> {
  const held = new Set(rolePermissions.get(roleNames.login));
  for (const role of membership.globalRoles) addAll(held, rolePermissions.get(role));
  const inOrg = orgId === undefined ? undefined : membership.roles.get(orgId);
  for (const role of inOrg ?? []) addAll(held, rolePermissions.get(role));
  return held;
}

/** The org whose roles decide about a resource: its own, or the personal one of a user. */
export async function orgOf(db: Database, resource: ResourceRef): Promise<string | undefined> {
  switch (resource.kind) {
    case "org":
      return resource.id;
    case "user": {
      const personal = await db
        .selectFrom("user_roles")
        .innerJoin("orgs", "orgs.id", "user_roles.org_id")
        .select("orgs.id")
        .where("user_roles.user_id", "=", resource.id)
        .where("orgs.is_personal", "=", true)
        .executeTakeFirst();
      return personal?.id;
    }
    case "host":
      return (
        (await db.selectFrom("hosts").select("org_id").where("id", "=", resource.id).executeTakeFirst())?.org_id ??
        undefined
      );
    case "node":
      return (await db.selectFrom("nodes").select("org_id").where("id", "=", resource.id).executeTakeFirst())?.org_id;
  }
}

function caller(db: Database, known: Omit<Caller, "orgIds" | "require"> & { readonly membership: Membership }): Caller {
  const { membership, ...rest } = known;
  return {
    ...rest,
    orgIds: new Set(membership.roles.keys()),
    require: (rule) => requireRule(db, { ...rest, membership }, rule),
  };
}

function addAll<T>(into: Set<T>, from: Iterable<T> | undefined): void {
  for (const item of from ?? []) into.add(item);
}
