import type { AuthService } from "@blockvisor/wire/blockjoy/v1/auth";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Database } from "../database/open-database.ts";
import { sourceAddress } from "../listener/source-address.ts";
import { type Platform, transact, write } from "../platform.ts";
import { failedPrecondition, invalidArgument, permissionDenied, unauthenticated } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";
import { rolePermissions, roles } from "./access-table.ts";
import { membershipOf } from "./authenticate.ts";
import { callerOf, type ResourceRef } from "./caller.ts";
import type { ThrottleKey } from "./login-throttle.ts";
import { hashPassword, requireStrongPassword, verifyPassword } from "./password.ts";
import { readRefreshCookie, refreshCookie } from "./refresh-cookie.ts";

const wrongLogin = "Invalid email or password.";
/** Verified when there is no such account, so that both cases take the same time (CA-1.15). */
const nobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$xdR2v1lNZDOkCbGRwU1mFkLTPZRkGIT2Ql3zxQdRHXw";

/** Spec §2.2. */
export function authService(platform: Platform): Partial<ServiceImpl<typeof AuthService>> {
  const setCookie = (context: HandlerContext, refresh: string, resource: ResourceRef) =>
    context.responseHeader.append("set-cookie", refreshCookie(refresh, platform.sessions.lifeOf(resource.kind)));

  return {
    async login(request, context) {
      const email = request.email.trim().toLowerCase();
      const account: ThrottleKey = { kind: "account", value: email.slice(0, 254) };
      const keys = [account, { kind: "address", value: sourceAddress(context) } as const];
      platform.throttle.check(keys);
      const user = await platform.db
        .selectFrom("users")
        .select(["id", "email", "password_hash", "confirmed_at"])
        .where("email", "=", email)
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      const matches = await verifyPassword(user?.password_hash ?? nobodysHash, request.password);
      if (user === undefined || !matches) {
        platform.throttle.failed(keys);
        throw permissionDenied(wrongLogin);
      }
      if (user.confirmed_at === null) throw failedPrecondition("User is not confirmed.");
      platform.throttle.succeeded(account);
      const resource = { kind: "user", id: user.id } as const;
      const token = await platform.tokens.sign({ resource, roles: [roles.login], data: { email: user.email } });
      const refresh = await platform.sessions.start(platform.db, resource);
      setCookie(context, refresh, resource);
      return { token, refresh };
    },

    async refresh(request, context) {
      const claims = await platform.tokens.verifyExpired(request.token);
      const refresh = request.refresh ?? readRefreshCookie(context.requestHeader.get("cookie"));
      if (refresh === undefined) throw invalidArgument("refresh", "No refresh token.");
      const renewed = await transact(platform, async (tx) => {
        const outcome = await platform.sessions.refresh(tx, refresh);
        if (outcome.kind === "reused") return outcome;
        const same = outcome.resource.kind === claims.resource.kind && outcome.resource.id === claims.resource.id;
        if (!same) throw unauthenticated("Access denied.");
        await membershipOf(tx, outcome.resource);
        return outcome;
      });
      // The session was ended in the transaction above; the answer is the same as for any token that is not good.
      if (renewed.kind === "reused") throw permissionDenied("Invalid refresh token.");
      setCookie(context, renewed.refresh, renewed.resource);
      return { token: await platform.tokens.sign(claims), refresh: renewed.refresh };
    },

    async updateUIPassword(request, context) {
      const id = uuid(request.userId, "user_id");
      const account: ThrottleKey = { kind: "account", value: id };
      platform.throttle.check([account]);
      const user = await platform.db
        .selectFrom("users")
        .select("password_hash")
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      if (!(await verifyPassword(user.password_hash, request.oldPassword))) {
        platform.throttle.failed([account]);
        throw permissionDenied(wrongLogin);
      }
      requireStrongPassword(text(request.newPassword, "new_password", { max: 1024 }), "new_password");
      const passwordHash = await hashPassword(request.newPassword);
      return write(platform, context, request, async (tx) => {
        await setPassword(platform, tx, id, passwordHash);
        return {};
      });
    },

    async listPermissions(request, context) {
      const caller = callerOf(context);
      const membership = await membershipOf(platform.db, { kind: "user", id: uuid(request.userId, "user_id") });
      const orgId = uuid(request.orgId, "org_id");
      const isAdmin = caller.permissions.has("auth-admin-list-permissions");
      if (!isAdmin && !membership.roles.has(orgId)) throw permissionDenied("Permission denied.");
      const held = new Set<string>();
      for (const role of [...(membership.roles.get(orgId) ?? []), ...membership.globalRoles]) {
        for (const permission of rolePermissions.get(role) ?? []) held.add(permission);
      }
      if (request.includeToken === true) for (const permission of caller.permissions) held.add(permission);
      return { permissions: [...held].sort() };
    },
  };
}

/** Sets a password and ends every session of the user (CA-1.13). */
async function setPassword(platform: Platform, tx: Database, userId: string, passwordHash: string) {
  await tx.updateTable("users").set({ password_hash: passwordHash }).where("id", "=", userId).execute();
  await platform.sessions.revokeAll(tx, { kind: "user", id: userId });
}
