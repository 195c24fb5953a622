import type { Database } from "../database/open-database.ts";
import { permissionDenied } from "../rpc-error.ts";
import { randomText, sha256 } from "../secrets/random-text.ts";
import type { Vault } from "../secrets/vault.ts";

const length = 24;

export interface ProvisionTokenRules {
  readonly vault: Vault;
  /** seconds */
  readonly provisionTokenLife: number;
}

const context = (userId: string, orgId: string) => `provision_token/${userId}/${orgId}`;

/** Makes or replaces the token with which a member of an org registers hosts (CA-1.6: 140 bits, hashed, sealed, expiring). */
export async function mintProvisionToken(
  tx: Database,
  rules: ProvisionTokenRules,
  userId: string,
  orgId: string,
): Promise<string> {
  const token = randomText(length);
  const row = {
    token_hash: sha256(token),
    token_sealed: rules.vault.seal(Buffer.from(token), context(userId, orgId)),
    expires_at: new Date(Date.now() + rules.provisionTokenLife * 1000),
  };
  await tx
    .insertInto("provision_tokens")
    .values({ user_id: userId, org_id: orgId, ...row })
    .onConflict((conflict) => conflict.columns(["user_id", "org_id"]).doUpdateSet(row))
    .execute();
  return token;
}

/** The current token; an expired one is replaced, so what is shown always works. */
export async function currentProvisionToken(
  tx: Database,
  rules: ProvisionTokenRules,
  userId: string,
  orgId: string,
): Promise<string | undefined> {
  const row = await tx
    .selectFrom("provision_tokens")
    .select(["token_sealed", "expires_at"])
    .where("user_id", "=", userId)
    .where("org_id", "=", orgId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.expires_at.getTime() <= Date.now()) return mintProvisionToken(tx, rules, userId, orgId);
  return Buffer.from(rules.vault.open(row.token_sealed, context(userId, orgId))).toString();
}

/** @throws PERMISSION_DENIED "Invalid token." */
export async function redeemProvisionToken(tx: Database, token: string) {
  const row = await tx
    .selectFrom("provision_tokens")
    .innerJoin("orgs", "orgs.id", "provision_tokens.org_id")
    .innerJoin("users", "users.id", "provision_tokens.user_id")
    .select(["provision_tokens.user_id", "provision_tokens.org_id", "provision_tokens.expires_at"])
    .where("token_hash", "=", sha256(token.trim()))
    .where("orgs.deleted_at", "is", null)
    .where("users.deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) throw permissionDenied("Invalid token.");
  if (row.expires_at.getTime() <= Date.now()) {
    throw permissionDenied("Invalid token. It has expired; ask OrgService.GetProvisionToken for a new one.");
  }
  return { userId: row.user_id, orgId: row.org_id };
}
