import { roles } from "./auth/access-table.ts";
import { orgOf } from "./auth/authenticate.ts";
import { hashPassword } from "./auth/password.ts";
import type { Settings } from "./configuration/settings.ts";
import { type Database, locationOf, openDatabase } from "./database/open-database.ts";
import { randomPassword } from "./secrets/random-text.ts";

/** Makes a user a platform administrator: the way in when nobody is one (CA-1.32). */
export function grantAdmin(settings: Settings, email: string): Promise<void> {
  return withUser(settings, email, async (tx, userId) => {
    const orgId = await orgOf(tx, { kind: "user", id: userId });
    if (orgId === undefined) throw new Error(`${email} has no personal org.`);
    await tx
      .insertInto("user_roles")
      .values({ user_id: userId, org_id: orgId, role: roles.admin })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

/** @returns the new password; every session of the user ends */
export function resetPassword(settings: Settings, email: string): Promise<string> {
  return withUser(settings, email, async (tx, userId) => {
    const password = randomPassword();
    await tx
      .updateTable("users")
      .set({ password_hash: await hashPassword(password) })
      .where("id", "=", userId)
      .execute();
    await tx
      .updateTable("sessions")
      .set({ revoked_at: new Date() })
      .where("resource_type", "=", "user")
      .where("resource_id", "=", userId)
      .execute();
    return password;
  });
}

async function withUser<Result>(
  settings: Settings,
  email: string,
  work: (tx: Database, userId: string) => Promise<Result>,
): Promise<Result> {
  const open = await openDatabase(locationOf(settings, 1));
  try {
    return await open.db.transaction().execute(async (tx) => {
      const user = await tx
        .selectFrom("users")
        .select("id")
        .where("email", "=", email.trim().toLowerCase())
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      if (user === undefined) throw new Error(`There is no user ${email}.`);
      return work(tx, user.id);
    });
  } finally {
    await open.close();
  }
}
