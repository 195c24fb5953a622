import type { CryptService } from "@blockvisor/wire/blockjoy/v1/crypt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Caller, callerOf, type ResourceRef } from "../auth/caller.ts";
import { type Platform, write } from "../platform.ts";
import { resourceRef } from "../resource.ts";
import { notFound, permissionDenied } from "../rpc-error.ts";
import { key } from "../wire-fields.ts";
import { secretsOfNode } from "./node-secrets.ts";
import { openSecret, putSecret, secretsOf } from "./secret-store.ts";

/**
 * Secrets of a resource, encrypted at rest (spec §7.1, CA-7.1). The host of a node finds, for it, also what its org and the platform have
 * (`node-secrets.ts`); people find what the resource itself has. Every read is logged (CA-7.3); values never are.
 */
export function cryptService(platform: Platform): ServiceImpl<typeof CryptService> {
  const { db, vault, log } = platform;

  const found = async (caller: Caller, owner: ResourceRef, name: string) => {
    if (caller.resource.kind === "host" && owner.kind === "node") return (await secretsOfNode(db, owner.id, name))[0];
    const row = await secretsOf(db, owner).selectAll().where("key", "=", name).executeTakeFirst();
    return row && { ...row, owner };
  };

  return {
    async getSecret(request, context) {
      const caller = callerOf(context);
      const resource = resourceRef(request.resource, "resource");
      requireNoOrg(caller, resource);
      const name = key(request.key, "secret_key", 6);
      const secret = await found(caller, resource, name);
      if (secret === undefined) throw notFound("Secret");
      const { owner, version } = secret;
      log.info({ secret: name, resource, of: owner.kind, version, by: caller.resource }, "secret read");
      return { value: openSecret(vault, owner, name, secret.value_sealed) };
    },

    async putSecret(request, context) {
      const caller = callerOf(context);
      const owner = resourceRef(request.resource, "resource");
      requireNoOrg(caller, owner);
      const name = key(request.key, "secret_key", 6);
      const { value } = request;
      const result = await write(platform, context, request, async (tx) => {
        await putSecret(tx, vault, owner, { key: name, value });
        return {};
      });
      log.info({ secret: name, of: owner, by: caller.resource }, "secret written");
      return result;
    },
  };
}

/** A host gets what its nodes are to have, and cannot change what nodes on other hosts find: of an org it asks by a node. */
function requireNoOrg({ resource }: Caller, owner: ResourceRef): void {
  if (resource.kind === "host" && owner.kind === "org") {
    throw permissionDenied("A host has no access to the secrets of an org but those of its nodes.");
  }
}
