import { type UserSearch, type UserService, UserSortField } from "@blockvisor/wire/blockjoy/v1/user";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { sql } from "kysely";
import { authenticate, bearerToken } from "../auth/authenticate.ts";
import { hashPassword, requireStrongPassword } from "../auth/password.ts";
import { list, matching, ordering } from "../database/list.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { type Platform, write } from "../platform.ts";
import { failedPrecondition, notFound, permissionDenied, resourceExhausted } from "../rpc-error.ts";
import { deleteSecrets } from "../secrets/secret-store.ts";
import { email, text, uuid } from "../wire-fields.ts";
import { createAccount } from "./account.ts";

const longestName = 64;
const mostSettings = 100;
const largestSetting = 64 * 1024;

type UserRow = Pick<Schema["users"], "email" | "first_name" | "last_name"> & { id: string; created_at: Date };

const userMessage = (row: UserRow) => ({
  userId: row.id,
  email: row.email,
  firstName: row.first_name,
  lastName: row.last_name,
  createdAt: timestampFromDate(row.created_at),
});

/** Spec §2.3. */
export function userService(platform: Platform): ServiceImpl<typeof UserService> {
  const { db, settings, vault } = platform;
  return {
    async create(request, context) {
      // Open to nobody signed in only when registration is; a token that is given has to be good.
      const header = context.requestHeader.get("authorization");
      if (header !== null) {
        const caller = await authenticate(db, platform.tokens, bearerToken(header));
        const allowed = settings.registration === "open" ? caller.permissions.has("user-create") : false;
        if (!allowed && !caller.permissions.has("user-admin-update"))
          throw permissionDenied("Missing permission: user-admin-update");
      } else if (settings.registration === "closed") {
        throw permissionDenied("Registration is closed. Ask an administrator for an account.");
      }
      const account = {
        email: email(request.email),
        firstName: text(request.firstName.trim(), "first_name", { max: longestName }),
        lastName: text(request.lastName.trim(), "last_name", { max: longestName }),
      };
      requireStrongPassword(request.password, "password");
      const passwordHash = await hashPassword(request.password);
      return write(platform, context, request, async (tx) => {
        const rules = { vault, provisionTokenLife: settings.provisionTokenLife };
        const { user } = await createAccount(tx, rules, { ...account, passwordHash });
        return { user: userMessage(user) };
      });
    },

    async get(request) {
      return { user: userMessage(await existing(db, request.userId)) };
    },

    async list(request) {
      const orgIds = request.orgIds;
      let query = db.selectFrom("users").selectAll().where("deleted_at", "is", null);
      if (request.userIds.length > 0) query = query.where("id", "in", request.userIds);
      if (orgIds.length > 0) {
        query = query.where("id", "in", (sub) =>
          sub.selectFrom("user_roles").select("user_id").where("org_id", "in", orgIds),
        );
      }
      const search = request.search;
      if (search !== undefined) query = query.where(matching(search.operator, searched(search)));
      const { rows, total } = await list(query, { ...request, order: ordering(request.sort, sortColumns, "users") });
      return { users: rows.map(userMessage), total };
    },

    async update(request, context) {
      const id = uuid(request.userId, "user_id");
      const changes = {
        ...(request.firstName === undefined
          ? {}
          : { first_name: text(request.firstName.trim(), "first_name", { max: longestName }) }),
        ...(request.lastName === undefined
          ? {}
          : { last_name: text(request.lastName.trim(), "last_name", { max: longestName }) }),
      };
      if (Object.keys(changes).length === 0) throw failedPrecondition("Nothing to update.");
      return write(platform, context, request, async (tx) => {
        await existing(tx, id);
        const row = await tx
          .updateTable("users")
          .set(changes)
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return { user: userMessage(row) };
      });
    },

    async delete(request, context) {
      const id = uuid(request.userId, "user_id");
      return write(platform, context, request, async (tx) => {
        await existing(tx, id);
        await refuseSoleOwner(tx, id);
        // The address becomes free for a new account; the row stays for what refers to it (CA-1.3).
        await tx
          .updateTable("users")
          .set({ deleted_at: new Date(), email: sql`'deleted-' || id || '-' || email` })
          .where("id", "=", id)
          .execute();
        const personal = await tx
          .updateTable("orgs")
          .set({ deleted_at: new Date() })
          .where("is_personal", "=", true)
          .where("id", "in", (sub) => sub.selectFrom("user_roles").select("org_id").where("user_id", "=", id))
          .returning("id")
          .execute();
        await deleteSecrets(tx, { kind: "user", id });
        for (const org of personal) await deleteSecrets(tx, { kind: "org", id: org.id });
        for (const table of ["api_keys", "user_roles", "provision_tokens"] as const) {
          await tx.deleteFrom(table).where("user_id", "=", id).execute();
        }
        await platform.sessions.revokeAll(tx, { kind: "user", id });
        return {};
      });
    },

    async getSettings(request) {
      const id = uuid(request.userId, "user_id");
      await existing(db, id);
      const rows = await db.selectFrom("user_settings").select(["key", "value"]).where("user_id", "=", id).execute();
      return { settings: Object.fromEntries(rows.map(({ key, value }) => [key, value])) };
    },

    async updateSettings(request, context) {
      const id = uuid(request.userId, "user_id");
      const key = text(request.key, "key", { min: 1, max: 128 });
      if (request.value.length > largestSetting)
        throw resourceExhausted(`A setting has at most ${largestSetting} bytes.`);
      return write(platform, context, request, async (tx) => {
        await existing(tx, id);
        await tx
          .insertInto("user_settings")
          .values({ user_id: id, key, value: request.value })
          .onConflict((conflict) => conflict.columns(["user_id", "key"]).doUpdateSet({ value: request.value }))
          .execute();
        const { count } = await tx
          .selectFrom("user_settings")
          .select((row) => row.fn.countAll<bigint>().as("count"))
          .where("user_id", "=", id)
          .executeTakeFirstOrThrow();
        if (count > mostSettings) throw resourceExhausted(`A user has at most ${mostSettings} settings.`);
        return { key, value: request.value };
      });
    },

    async deleteSettings(request, context) {
      const id = uuid(request.userId, "user_id");
      return write(platform, context, request, async (tx) => {
        await tx.deleteFrom("user_settings").where("user_id", "=", id).where("key", "=", request.key).execute();
        return {};
      });
    },
  };
}

const searched = (search: UserSearch) => [
  { column: sql<string>`users.email`, pattern: search.email },
  { column: sql<string>`users.first_name || ' ' || users.last_name`, pattern: search.name },
];

const sortColumns = {
  [UserSortField.EMAIL]: sql.ref("users.email"),
  [UserSortField.FIRST_NAME]: sql.ref("users.first_name"),
  [UserSortField.LAST_NAME]: sql.ref("users.last_name"),
  [UserSortField.CREATED_AT]: sql.ref("users.created_at"),
};

async function existing(db: Database, id: string) {
  const row = await db
    .selectFrom("users")
    .selectAll()
    .where("id", "=", uuid(id, "user_id"))
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) throw notFound("User");
  return row;
}

/** An org with other members, hosts or nodes must not be left without an owner (CA-1.3). */
async function refuseSoleOwner(tx: Database, userId: string): Promise<void> {
  const org = await tx
    .selectFrom("user_roles as mine")
    .innerJoin("orgs", "orgs.id", "mine.org_id")
    .select("orgs.name")
    .where("mine.user_id", "=", userId)
    .where("mine.role", "in", ["org-owner", "org-personal"])
    .where("orgs.deleted_at", "is", null)
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom("user_roles as other")
            .select("other.user_id")
            .whereRef("other.org_id", "=", "mine.org_id")
            .where("other.role", "=", "org-owner")
            .where("other.user_id", "!=", userId),
        ),
      ),
    )
    .where((row) =>
      row.or([
        row.exists(
          row
            .selectFrom("user_roles as member")
            .select("member.user_id")
            .whereRef("member.org_id", "=", "mine.org_id")
            .where("member.user_id", "!=", userId),
        ),
        row.exists(row.selectFrom("nodes").select("nodes.id").whereRef("nodes.org_id", "=", "mine.org_id")),
        row.exists(row.selectFrom("hosts").select("hosts.id").whereRef("hosts.org_id", "=", "mine.org_id")),
      ]),
    )
    .executeTakeFirst();
  if (org !== undefined) {
    throw failedPrecondition(
      `You are the only owner of the organisation '${org.name}', which still has members, hosts or nodes.`,
    );
  }
}
