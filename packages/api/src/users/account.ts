import { roles } from "../auth/access-table.ts";
import type { Database } from "../database/open-database.ts";
import { mintProvisionToken } from "../orgs/provision-token.ts";
import type { Vault } from "../secrets/vault.ts";

export interface NewAccount {
  /** normalised */
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly passwordHash: string;
}

export interface AccountRules {
  readonly vault: Vault;
  readonly provisionTokenLife: number;
}

/** A user with the personal org and the provision token every account has (spec §1.3). */
export async function createAccount(tx: Database, rules: AccountRules, account: NewAccount) {
  const user = await tx
    .insertInto("users")
    .values({
      email: account.email,
      first_name: account.firstName,
      last_name: account.lastName,
      password_hash: account.passwordHash,
      // Without mail nobody could follow a confirmation link (CA-2.6).
      confirmed_at: new Date(),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const org = await tx
    .insertInto("orgs")
    .values({ name: "Personal", is_personal: true })
    .returning("id")
    .executeTakeFirstOrThrow();
  await tx.insertInto("user_roles").values({ user_id: user.id, org_id: org.id, role: roles.personal }).execute();
  const provisionToken = await mintProvisionToken(tx, rules, user.id, org.id);
  return { user, personalOrgId: org.id, provisionToken };
}
