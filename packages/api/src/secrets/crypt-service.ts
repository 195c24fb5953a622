import type { CryptService } from "@blockvisor/wire/blockjoy/v1/crypt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { type Platform, write } from "../platform.ts";
import { resourceRef } from "../resource.ts";
import { notFound, resourceExhausted } from "../rpc-error.ts";
import { key } from "../wire-fields.ts";
import type { Vault } from "./vault.ts";

const largestValue = 64 * 1024;
const mostPerResource = 100;

const context = (owner: ResourceRef, name: string) => `secret/${owner.kind}/${owner.id}/${name}`;

/** Secrets of a resource, encrypted at rest (spec §7.1, CA-7.1). Values are never logged. */
export function cryptService(platform: Platform): ServiceImpl<typeof CryptService> {
  return {
    async getSecret(request) {
      const owner = resourceRef(request.resource, "resource");
      const name = key(request.key, "secret_key", 6);
      const row = await owned(platform.db, owner).select("value_sealed").where("key", "=", name).executeTakeFirst();
      if (row === undefined) throw notFound("Secret");
      return { value: platform.vault.open(row.value_sealed, context(owner, name)) };
    },

    async putSecret(request, handler) {
      const owner = resourceRef(request.resource, "resource");
      const name = key(request.key, "secret_key", 6);
      if (request.value.length > largestValue) throw resourceExhausted(`A secret has at most ${largestValue} bytes.`);
      return write(platform, handler, request, async (tx) => {
        await putSecret(tx, platform.vault, owner, name, request.value);
        return {};
      });
    },
  };
}

async function putSecret(tx: Database, vault: Vault, owner: ResourceRef, name: string, value: Uint8Array) {
  const sealed = vault.seal(value, context(owner, name));
  await tx
    .insertInto("secrets")
    .values({ resource_type: owner.kind, resource_id: owner.id, key: name, value_sealed: sealed })
    .onConflict((conflict) =>
      conflict.columns(["resource_type", "resource_id", "key"]).doUpdateSet((row) => ({
        value_sealed: sealed,
        version: row("secrets.version", "+", 1),
        updated_at: new Date(),
      })),
    )
    .execute();
  const { count } = await owned(tx, owner)
    .select((row) => row.fn.countAll<bigint>().as("count"))
    .executeTakeFirstOrThrow();
  if (count > mostPerResource) throw resourceExhausted(`A resource has at most ${mostPerResource} secrets.`);
}

/** A node that takes the place of another takes its secrets along (CA-4.26). */
export async function copySecrets(tx: Database, vault: Vault, from: ResourceRef, to: ResourceRef): Promise<void> {
  for (const row of await owned(tx, from).select(["key", "value_sealed"]).execute()) {
    await putSecret(tx, vault, to, row.key, vault.open(row.value_sealed, context(from, row.key)));
  }
}

export async function deleteSecrets(tx: Database, owner: ResourceRef): Promise<void> {
  await tx.deleteFrom("secrets").where("resource_type", "=", owner.kind).where("resource_id", "=", owner.id).execute();
}

const owned = (db: Database, owner: ResourceRef) =>
  db.selectFrom("secrets").where("resource_type", "=", owner.kind).where("resource_id", "=", owner.id);
