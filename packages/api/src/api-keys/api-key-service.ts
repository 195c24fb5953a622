import { randomUUID } from "node:crypto";
import type { ApiKeyService } from "@blockvisor/wire/blockjoy/v1/api_key";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { isPermission, type Permission } from "../auth/access-table.ts";
import { mintApiKey } from "../auth/api-key.ts";
import { membershipOf, orgOf, userPermissions } from "../auth/authenticate.ts";
import { callerOf } from "../auth/caller.ts";
import { type Platform, write } from "../platform.ts";
import { resourceMessage, resourceRef } from "../resource.ts";
import { failedPrecondition, invalidArgument, notFound, permissionDenied, resourceExhausted } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";

const keysPerUser = 100;

/** Spec §2.1. */
export function apiKeyService(platform: Platform): ServiceImpl<typeof ApiKeyService> {
  return {
    async create(request, context) {
      const caller = callerOf(context);
      // A key that makes keys could outlive its own deletion; only a signed-in user makes them.
      if (caller.resource.kind !== "user" || caller.credential !== "access_token") throw permissionDenied();
      const resource = resourceRef(request.resource, "resource");
      const label = text(request.label, "label", { max: 200 });
      const permissions = [...new Set(request.permissions)].map((name) => {
        if (!isPermission(name)) throw invalidArgument("permission", `there is no permission '${name.slice(0, 60)}'`);
        return name;
      });
      if (permissions.length === 0) throw invalidArgument("permissions", "a key needs at least one permission");
      return write(platform, context, request, async (tx) => {
        const orgId = await orgOf(tx, resource);
        if (orgId === undefined) {
          if (resource.kind === "host") throw failedPrecondition("no org for public host");
          throw notFound("Org");
        }
        const allowed = userPermissions(await membershipOf(tx, caller.resource), orgId);
        const lacking = permissions.find((permission: Permission) => !allowed.has(permission));
        if (lacking !== undefined) throw permissionDenied(`Missing permission: ${lacking}`);
        const { count } = await tx
          .selectFrom("api_keys")
          .select((row) => row.fn.countAll<bigint>().as("count"))
          .where("user_id", "=", caller.resource.id)
          .executeTakeFirstOrThrow();
        if (count >= keysPerUser)
          throw resourceExhausted(`A user has at most ${keysPerUser} API keys; delete one first.`);
        const id = randomUUID();
        const { text: apiKey, salt, secretHash } = mintApiKey(id);
        const row = await tx
          .insertInto("api_keys")
          .values({
            id,
            user_id: caller.resource.id,
            label,
            salt,
            secret_hash: secretHash,
            resource_type: resource.kind,
            resource_id: resource.id,
            permissions: JSON.stringify(permissions),
          })
          .returning("created_at")
          .executeTakeFirstOrThrow();
        return { apiKey, createdAt: timestampFromDate(row.created_at) };
      });
    },

    async list(_request, context) {
      const { resource } = callerOf(context);
      if (resource.kind !== "user") throw permissionDenied();
      const rows = await platform.db
        .selectFrom("api_keys")
        .selectAll()
        .where("user_id", "=", resource.id)
        .orderBy("created_at", "desc")
        .orderBy("id")
        .execute();
      return {
        apiKeys: rows.map((row) => ({
          apiKeyId: row.id,
          label: row.label,
          resource: resourceMessage({ kind: row.resource_type, id: row.resource_id }),
          permissions: [...row.permissions],
          createdAt: timestampFromDate(row.created_at),
        })),
      };
    },

    async delete(request, context) {
      const id = uuid(request.apiKeyId, "api_key_id");
      return write(platform, context, request, async (tx) => {
        await tx.deleteFrom("api_keys").where("id", "=", id).execute();
        return {};
      });
    },
  };
}
