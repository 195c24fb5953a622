import { OrgMessageSchema } from "@blockvisor/wire/blockjoy/v1/event";
import { type OrgService, OrgSortField } from "@blockvisor/wire/blockjoy/v1/org";
import type { ServiceImpl } from "@connectrpc/connect";
import { type RawBuilder, sql } from "kysely";
import { roles } from "../auth/access-table.ts";
import { type Caller, callerOf } from "../auth/caller.ts";
import { topics } from "../broker/broker.ts";
import { list, matching, ordering } from "../database/list.ts";
import type { Database } from "../database/open-database.ts";
import { publish } from "../outbox/outbox.ts";
import { type Platform, write } from "../platform.ts";
import { resourceMessage } from "../resource.ts";
import { failedPrecondition, notFound, permissionDenied } from "../rpc-error.ts";
import { deleteSecrets } from "../secrets/secret-store.ts";
import { text, uuid } from "../wire-fields.ts";
import { existingOrg, orgMessages } from "./org-message.ts";
import { currentProvisionToken, mintProvisionToken } from "./provision-token.ts";

const longestName = 128;

/** Spec §2.4, without billing. */
export function orgService(platform: Platform): Partial<ServiceImpl<typeof OrgService>> {
  const { db, settings, vault } = platform;
  const tokenRules = { vault, provisionTokenLife: settings.provisionTokenLife };

  return {
    async get(request) {
      const [org] = await orgMessages(db, [(await existingOrg(db, uuid(request.orgId, "org_id"))).id]);
      if (org === undefined) throw notFound("Org");
      return { org };
    },

    async list(request) {
      let query = db.selectFrom("orgs").select("orgs.id").where("deleted_at", "is", null);
      const { memberId, personal, search } = request;
      if (personal !== undefined) query = query.where("is_personal", "=", personal);
      if (memberId !== undefined) {
        query = query.where("id", "in", (sub) =>
          sub.selectFrom("user_roles").select("org_id").where("user_id", "=", uuid(memberId, "member_id")),
        );
      }
      if (search !== undefined) {
        query = query.where(
          matching(search.operator, [
            { column: sql<string>`orgs.id::text`, pattern: search.orgId },
            { column: sql<string>`orgs.name`, pattern: search.name },
          ]),
        );
      }
      const { rows, total } = await list(query, { ...request, order: ordering(request.sort, sortColumns, "orgs") });
      return {
        orgs: await orgMessages(
          db,
          rows.map((row) => row.id),
        ),
        total,
      };
    },

    async create(request, context) {
      const caller = callerOf(context);
      if (caller.resource.kind !== "user") throw permissionDenied();
      const name = text(request.name.trim(), "name", { min: 1, max: longestName });
      return write(platform, context, request, async (tx) => {
        const { id } = await tx.insertInto("orgs").values({ name }).returning("id").executeTakeFirstOrThrow();
        await tx
          .insertInto("user_roles")
          .values(
            [roles.owner, roles.orgAdmin, roles.member].map((role) => ({
              user_id: caller.resource.id,
              org_id: id,
              role,
            })),
          )
          .execute();
        await mintProvisionToken(tx, tokenRules, caller.resource.id, id);
        const [org] = await orgMessages(tx, [id]);
        if (org === undefined) throw notFound("Org");
        await publish(tx, topics.org(id), OrgMessageSchema, {
          message: { case: "created", value: { org, createdBy: resourceMessage(caller.resource) } },
        });
        return { org };
      });
    },

    async update(request, context) {
      const caller = callerOf(context);
      const id = uuid(request.orgId, "org_id");
      if (request.name === undefined) throw failedPrecondition("Nothing to update.");
      const name = text(request.name.trim(), "name", { min: 1, max: longestName });
      return write(platform, context, request, async (tx) => {
        await existingOrg(tx, id);
        await tx.updateTable("orgs").set({ name, updated_at: new Date() }).where("id", "=", id).execute();
        await publishUpdated(tx, id, caller);
        return {};
      });
    },

    async delete(request, context) {
      const caller = callerOf(context);
      const id = uuid(request.orgId, "org_id");
      return write(platform, context, request, async (tx) => {
        const org = await existingOrg(tx, id);
        if (org.is_personal) throw permissionDenied();
        await refuseUsed(tx, id);
        await tx.updateTable("orgs").set({ deleted_at: new Date() }).where("id", "=", id).execute();
        for (const table of ["user_roles", "provision_tokens", "invitations"] as const) {
          await tx.deleteFrom(table).where("org_id", "=", id).execute();
        }
        await deleteSecrets(tx, { kind: "org", id });
        await tx.deleteFrom("api_keys").where("resource_type", "=", "org").where("resource_id", "=", id).execute();
        await publish(tx, topics.org(id), OrgMessageSchema, {
          message: { case: "deleted", value: { orgId: id, deletedBy: resourceMessage(caller.resource) } },
        });
        return {};
      });
    },

    async removeMember(request, context) {
      const caller = callerOf(context);
      const orgId = uuid(request.orgId, "org_id");
      const userId = uuid(request.userId, "user_id");
      const self = caller.resource.kind === "user" && caller.resource.id === userId;
      const targets = [{ kind: "org", id: orgId, field: "org_id" }] as const;
      const org = await existingOrg(db, orgId);
      if (org.is_personal) throw permissionDenied();
      await caller.require({ permission: self ? "org-remove-self" : "org-remove-member", targets });
      return write(platform, context, request, async (tx) => {
        const held = await tx
          .selectFrom("user_roles")
          .select(["user_id", "role"])
          .where("org_id", "=", orgId)
          .forUpdate()
          .execute();
        if (!held.some((row) => row.user_id === userId)) throw notFound("User");
        const owners = held.filter((row) => row.role === roles.owner).map((row) => row.user_id);
        if (owners.length === 1 && owners[0] === userId) throw failedPrecondition("Can't remove last org owner.");
        for (const table of ["user_roles", "provision_tokens"] as const) {
          await tx.deleteFrom(table).where("org_id", "=", orgId).where("user_id", "=", userId).execute();
        }
        await publishUpdated(tx, orgId, caller);
        return {};
      });
    },

    async getProvisionToken(request, context) {
      const { userId, orgId } = await tokenOwner(callerOf(context), request);
      return write(platform, context, request, async (tx) => {
        const token = await currentProvisionToken(tx, tokenRules, userId, orgId);
        if (token === undefined) throw notFound("Token");
        return { token };
      });
    },

    async resetProvisionToken(request, context) {
      const { userId, orgId } = await tokenOwner(callerOf(context), request);
      return write(platform, context, request, async (tx) => {
        if ((await currentProvisionToken(tx, tokenRules, userId, orgId)) === undefined) throw notFound("Token");
        return { token: await mintProvisionToken(tx, tokenRules, userId, orgId) };
      });
    },
  };
}

const sortColumns: Readonly<Record<number, RawBuilder<unknown>>> = {
  [OrgSortField.NAME]: sql.ref("orgs.name"),
  [OrgSortField.CREATED_AT]: sql.ref("orgs.created_at"),
  [OrgSortField.UPDATED_AT]: sql.ref("orgs.updated_at"),
  [OrgSortField.HOST_COUNT]: sql`(select count(*) from hosts where hosts.org_id = orgs.id)`,
  [OrgSortField.NODE_COUNT]: sql`(select count(*) from nodes where nodes.org_id = orgs.id)`,
  [OrgSortField.MEMBER_COUNT]: sql`(select count(distinct user_id) from user_roles where user_roles.org_id = orgs.id)`,
};

/** A member sees its own token; the tokens of others are for owners and admins (CA-2.10). */
async function tokenOwner(caller: Caller, request: { readonly userId: string; readonly orgId: string }) {
  const userId = uuid(request.userId, "user_id");
  const orgId = uuid(request.orgId, "org_id");
  if (caller.resource.kind !== "user") throw permissionDenied();
  if (caller.resource.id !== userId) {
    await caller.require({ permission: "org-update", targets: [{ kind: "org", id: orgId, field: "org_id" }] });
  }
  return { userId, orgId };
}

/** Nodes and hosts would go on running with nobody to answer for them (CA-1.4). */
async function refuseUsed(tx: Database, orgId: string): Promise<void> {
  for (const table of ["nodes", "hosts"] as const) {
    const used = await tx.selectFrom(table).select("id").where("org_id", "=", orgId).limit(1).executeTakeFirst();
    if (used !== undefined) throw failedPrecondition(`This org still has ${table}. Delete them first.`);
  }
}

async function publishUpdated(tx: Database, orgId: string, caller: Caller): Promise<void> {
  const [org] = await orgMessages(tx, [orgId]);
  if (org === undefined) return;
  await publish(tx, topics.org(orgId), OrgMessageSchema, {
    message: { case: "updated", value: { org, updatedBy: resourceMessage(caller.resource) } },
  });
}
