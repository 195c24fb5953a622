import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { notFound } from "../rpc-error.ts";

/** Orgs as the wire shows them: with members and with counts taken from what is there (CA-1.2). */
export async function orgMessages(db: Database, ids: readonly string[]) {
  if (ids.length === 0) return [];
  const orgs = await db
    .selectFrom("orgs")
    .selectAll()
    .select([
      sql<bigint>`(select count(*) from hosts where hosts.org_id = orgs.id)`.as("host_count"),
      sql<bigint>`(select count(*) from nodes where nodes.org_id = orgs.id)`.as("node_count"),
    ])
    .where("id", "in", ids)
    .execute();
  const roleRows = await db
    .selectFrom("user_roles")
    .innerJoin("users", "users.id", "user_roles.user_id")
    .select(["org_id", "user_id", "role", "email", "first_name", "last_name", "user_roles.created_at"])
    .where("org_id", "in", ids)
    .orderBy("user_roles.created_at")
    .orderBy("user_id")
    .orderBy("role")
    .execute();
  const byId = new Map(orgs.map((org) => [org.id, org]));
  return ids.flatMap((id) => {
    const org = byId.get(id);
    if (org === undefined) return [];
    const members = new Map<string, typeof roleRows>();
    for (const row of roleRows) {
      if (row.org_id === id) members.set(row.user_id, [...(members.get(row.user_id) ?? []), row]);
    }
    return [
      {
        orgId: org.id,
        name: org.name,
        personal: org.is_personal,
        createdAt: timestampFromDate(org.created_at),
        updatedAt: timestampFromDate(org.updated_at),
        members: [...members].flatMap(([userId, rows]) => {
          const first = rows[0];
          if (first === undefined) return [];
          return [
            {
              userId,
              orgId: id,
              name: `${first.first_name} ${first.last_name}`.trim(),
              email: first.email,
              roles: rows.map((row) => ({ name: row.role })),
              joinedAt: timestampFromDate(first.created_at),
            },
          ];
        }),
        memberCount: BigInt(members.size),
        hostCount: org.host_count,
        nodeCount: org.node_count,
      },
    ];
  });
}

/** @throws NOT_FOUND, also for a deleted org */
export async function existingOrg(db: Database, id: string) {
  const org = await db
    .selectFrom("orgs")
    .selectAll()
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (org === undefined) throw notFound("Org");
  return org;
}
