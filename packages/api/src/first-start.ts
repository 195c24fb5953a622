import type { Kysely } from "kysely";
import { roles } from "./auth/access-table.ts";
import { hashPassword } from "./auth/password.ts";
import type { Schema } from "./database/schema.ts";
import { randomPassword } from "./secrets/random-text.ts";
import type { Vault } from "./secrets/vault.ts";
import { createAccount } from "./users/account.ts";

export interface AdminCredentials {
  readonly userId: string;
  readonly email: string;
  /** exists nowhere else: only its hash is stored */
  readonly password: string;
  /** registers machines of the administrator's own org with `bvup` */
  readonly provisionToken: string;
}

export interface FirstStart {
  readonly vault: Vault;
  readonly masterFingerprint: string;
  readonly adminEmail: string;
  readonly provisionTokenLife: number;
}

const keyName = "master-key";
const adminName = "first-admin";
const region = { key: "local", display_name: "Local" };

/**
 * Makes an empty database usable: the first administrator and a region. Whoever starts first does it, exactly once.
 * @returns the administrator's credentials, the one time they are known
 * @throws when the database belongs to another master key
 */
export async function firstStart(db: Kysely<Schema>, options: FirstStart): Promise<AdminCredentials | undefined> {
  const password = randomPassword();
  const passwordHash = await hashPassword(password);
  return db.transaction().execute(async (tx) => {
    await tx
      .insertInto("installation")
      .values({ name: keyName, value: options.masterFingerprint })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const known = await tx.selectFrom("installation").select("value").where("name", "=", keyName).executeTakeFirst();
    if (known?.value !== options.masterFingerprint) {
      throw new Error(
        "The key file does not belong to this database: its secrets could not be read. Restore the key file that was used with it.",
      );
    }
    const isFirst = await tx
      .insertInto("installation")
      .values({ name: adminName, value: options.adminEmail })
      .onConflict((conflict) => conflict.doNothing())
      .returning("name")
      .executeTakeFirst();
    if (isFirst === undefined) return undefined;
    const { user, personalOrgId, provisionToken } = await createAccount(tx, options, {
      email: options.adminEmail.trim().toLowerCase(),
      firstName: "First",
      lastName: "Administrator",
      passwordHash,
    });
    await tx.insertInto("user_roles").values({ user_id: user.id, org_id: personalOrgId, role: roles.admin }).execute();
    await tx.insertInto("regions").values(region).execute();
    return { userId: user.id, email: user.email, password, provisionToken };
  });
}
