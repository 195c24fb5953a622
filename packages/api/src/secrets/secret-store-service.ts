import {
  type ListSecretsRequest,
  Scope,
  type SecretStoreService,
} from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { type Platform, write } from "../platform.ts";
import { invalidArgument, notFound } from "../rpc-error.ts";
import { key, uuid } from "../wire-fields.ts";
import { secretsOfNode } from "./node-secrets.ts";
import { putSecret, type SecretOwner, secretsOf, thePlatform } from "./secret-store.ts";

const mostProtocols = 100;

/** What people do with secrets of nodes, orgs and the platform (spec plugin-api §2 "Secrets"). No answer holds a value. */
export function secretStoreService(platform: Platform): ServiceImpl<typeof SecretStoreService> {
  const { db, vault, log } = platform;
  return {
    async putSecret(request, context) {
      const owner = ownerOf(request.scope);
      const { value, expectedVersion } = request;
      const name = key(request.key, "key", 6);
      const protocols = request.protocolKeys.map((protocol) => key(protocol, "protocol_keys"));
      if (protocols.length > 0 && owner.kind !== "platform")
        throw invalidArgument("protocol_keys", "are the platform's");
      if (protocols.length > mostProtocols) throw invalidArgument("protocol_keys", `are more than ${mostProtocols}`);
      const result = await write(platform, context, request, async (tx) => {
        await requireProtocols(tx, protocols);
        const limited = protocols.length === 0 ? {} : { protocols };
        return { version: await putSecret(tx, vault, owner, { key: name, value, expectedVersion, ...limited }) };
      });
      log.info({ secret: name, of: owner, ...result, by: callerOf(context).resource }, "secret written");
      return result;
    },

    async listSecrets({ scope }) {
      const owner = ownerOf(scope);
      const rows =
        owner.kind === "node"
          ? await secretsOfNode(db, owner.id)
          : (await secretsOf(db, owner).selectAll().orderBy("key").execute()).map((row) => ({ ...row, owner }));
      return {
        secrets: rows.map((row) => ({
          key: row.key,
          scope: scopes[row.owner.kind],
          version: row.version,
          updatedAt: timestampFromDate(row.updated_at),
          protocolKeys: [...(row.protocols ?? [])],
        })),
      };
    },

    async deleteSecret(request, context) {
      const owner = ownerOf(request.scope);
      const name = key(request.key, "key", 6);
      const result = await write(platform, context, request, async (tx) => {
        const deleted = await tx
          .deleteFrom("secrets")
          .where("resource_type", "=", owner.kind)
          .where("resource_id", "=", owner.id)
          .where("key", "=", name)
          .returning("version")
          .executeTakeFirst();
        if (deleted === undefined) throw notFound("Secret");
        return {};
      });
      log.info({ secret: name, of: owner, by: callerOf(context).resource }, "secret deleted");
      return result;
    },
  };
}

const scopes: Readonly<Record<SecretOwner["kind"], Scope>> = {
  node: Scope.NODE,
  org: Scope.ORG,
  platform: Scope.PLATFORM,
  host: Scope.UNSPECIFIED,
  user: Scope.UNSPECIFIED,
};

function ownerOf(scope: ListSecretsRequest["scope"]): SecretOwner {
  switch (scope.case) {
    case "orgId":
      return { kind: "org", id: uuid(scope.value, "org_id") };
    case "nodeId":
      return { kind: "node", id: uuid(scope.value, "node_id") };
    case "platform":
      if (scope.value) return thePlatform;
  }
  throw invalidArgument("scope", "is an org, a node or the platform");
}

/** A key that nobody has would keep the secret from everybody. */
async function requireProtocols(tx: Database, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const rows = await tx.selectFrom("protocols").select("key").where("key", "in", keys).execute();
  const unknown = keys.find((name) => !rows.some((row) => row.key === name));
  if (unknown !== undefined) throw invalidArgument("protocol_keys", `there is no protocol '${unknown}'`);
}
