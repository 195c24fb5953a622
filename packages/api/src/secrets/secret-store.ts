import type { Database } from "../database/open-database.ts";
import type { ResourceKind } from "../database/schema.ts";
import { failedPrecondition, resourceExhausted } from "../rpc-error.ts";
import type { Vault } from "./vault.ts";

const largestValue = 64 * 1024;
const mostPerOwner = 100;

/** Whose a secret is. The platform is no resource of the contract. */
export interface SecretOwner {
  readonly kind: ResourceKind | "platform";
  readonly id: string;
}

export const thePlatform: SecretOwner = { kind: "platform", id: "00000000-0000-0000-0000-000000000000" };

export interface NewSecret {
  readonly key: string;
  readonly value: Uint8Array;
  /** written only if this is its version now; 0: only if there is none */
  readonly expectedVersion?: number | undefined;
  /** of the platform's: keys of the protocols whose nodes get it; absent: every node */
  readonly protocols?: readonly string[] | undefined;
}

const context = (owner: SecretOwner, name: string) => `secret/${owner.kind}/${owner.id}/${name}`;

/** Opens a value that was read from the owner's row of that key. */
export const openSecret = (vault: Vault, owner: SecretOwner, key: string, sealed: Uint8Array): Uint8Array =>
  vault.open(sealed, context(owner, key));

/** Writes one in its sealed form. @returns its version @throws FAILED_PRECONDITION, RESOURCE_EXHAUSTED (CA-7.1, CA-7.3) */
export async function putSecret(tx: Database, vault: Vault, owner: SecretOwner, secret: NewSecret): Promise<number> {
  const { key, value, expectedVersion, protocols } = secret;
  if (value.length > largestValue) throw resourceExhausted(`A secret has at most ${largestValue} bytes.`);
  const written = {
    value_sealed: vault.seal(value, context(owner, key)),
    protocols: protocols === undefined ? null : JSON.stringify(protocols),
  };
  const inserted = tx
    .insertInto("secrets")
    .values({ resource_type: owner.kind, resource_id: owner.id, key, ...written })
    .returning("version");
  const renewed = { ...written, updated_at: new Date() };
  // Each is one statement, so that of two writers who expect the same version only one finds it.
  const query =
    expectedVersion === undefined
      ? inserted.onConflict((conflict) =>
          conflict
            .columns(["resource_type", "resource_id", "key"])
            .doUpdateSet((row) => ({ ...renewed, version: row("secrets.version", "+", 1) })),
        )
      : expectedVersion === 0
        ? inserted.onConflict((conflict) => conflict.doNothing())
        : tx
            .updateTable("secrets")
            .set((row) => ({ ...renewed, version: row("version", "+", 1) }))
            .where("resource_type", "=", owner.kind)
            .where("resource_id", "=", owner.id)
            .where("key", "=", key)
            .where("version", "=", expectedVersion)
            .returning("version");
  const row = await query.executeTakeFirst();
  if (row === undefined) {
    const now = await secretsOf(tx, owner).select("version").where("key", "=", key).executeTakeFirst();
    throw failedPrecondition(now === undefined ? "There is no such secret." : `The secret has version ${now.version}.`);
  }
  const { count } = await secretsOf(tx, owner)
    .select(({ fn }) => fn.countAll<bigint>().as("count"))
    .executeTakeFirstOrThrow();
  if (count > mostPerOwner) throw resourceExhausted(`A resource has at most ${mostPerOwner} secrets.`);
  return row.version;
}

/** A node that takes the place of another takes its own secrets along (CA-4.26). */
export async function copySecrets(tx: Database, vault: Vault, from: SecretOwner, to: SecretOwner): Promise<void> {
  for (const { key, value_sealed } of await secretsOf(tx, from).select(["key", "value_sealed"]).execute()) {
    await putSecret(tx, vault, to, { key, value: openSecret(vault, from, key, value_sealed) });
  }
}

export async function deleteSecrets(tx: Database, owner: SecretOwner): Promise<void> {
  await tx.deleteFrom("secrets").where("resource_type", "=", owner.kind).where("resource_id", "=", owner.id).execute();
}

export const secretsOf = (db: Database, owner: SecretOwner) =>
  db.selectFrom("secrets").where("resource_type", "=", owner.kind).where("resource_id", "=", owner.id);
