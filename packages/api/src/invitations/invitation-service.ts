import { type InvitationService, InvitationStatus } from "@blockvisor/wire/blockjoy/v1/invitation";
import type { ServiceImpl } from "@connectrpc/connect";
import { globalRoles, roles } from "../auth/access-table.ts";
import { type Caller, callerOf } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { existingOrg } from "../orgs/org-message.ts";
import { mintProvisionToken } from "../orgs/provision-token.ts";
import { type Platform, write } from "../platform.ts";
import { resourceRef } from "../resource.ts";
import { failedPrecondition, invalidArgument, notFound, permissionDenied, resourceExhausted } from "../rpc-error.ts";
import { email, uuid } from "../wire-fields.ts";
import { type InvitationRow, invitationMessages, publishInvitation } from "./invitation-message.ts";

const mostOpen = 200;
const mostListed = 1000;

/** Spec §2.5, without mail: who is invited finds the invitation in the console. */
export function invitationService(platform: Platform): Partial<ServiceImpl<typeof InvitationService>> {
  const { db, settings, vault } = platform;
  const tokenRules = { vault, provisionTokenLife: settings.provisionTokenLife };
  return {
    async create(request, context) {
      const { resource } = callerOf(context);
      if (resource.kind !== "user" && resource.kind !== "org") throw permissionDenied();
      const orgId = uuid(request.orgId, "org_id");
      const invitee = email(request.inviteeEmail, "invitee_email");
      return write(platform, context, request, async (tx) => {
        await requireInvitable(tx, orgId, invitee);
        const row = await tx
          .insertInto("invitations")
          .values({ org_id: orgId, invitee_email: invitee, invited_by_type: resource.kind, invited_by_id: resource.id })
          .returningAll()
          .executeTakeFirstOrThrow();
        const invitation = await publishInvitation(tx, "invitationCreated", row);
        return { invitation };
      });
    },

    async list(request, context) {
      let query = db
        .selectFrom("invitations")
        .selectAll()
        .orderBy("created_at", "desc")
        .orderBy("id")
        .limit(mostListed);
      if (request.orgId !== undefined) query = query.where("org_id", "=", uuid(request.orgId, "org_id"));
      else if (request.invitedBy !== undefined) {
        const by = resourceRef(request.invitedBy, "invited_by");
        query = query.where("invited_by_type", "=", by.kind).where("invited_by_id", "=", by.id);
      } else if (request.inviteeEmail !== undefined) {
        const wanted = email(request.inviteeEmail, "invitee_email");
        await requireOwnAddress(db, callerOf(context), wanted);
        query = query.where("invitee_email", "=", wanted);
      } else throw permissionDenied();
      if (request.status === InvitationStatus.OPEN) {
        query = query.where("accepted_at", "is", null).where("declined_at", "is", null);
      } else if (request.status === InvitationStatus.ACCEPTED) query = query.where("accepted_at", "is not", null);
      else if (request.status === InvitationStatus.DECLINED) query = query.where("declined_at", "is not", null);
      else if (request.status !== InvitationStatus.UNSPECIFIED) throw invalidArgument("status");
      return { invitations: await invitationMessages(db, await query.execute()) };
    },

    async accept(request, context) {
      const { resource } = callerOf(context);
      return write(platform, context, request, async (tx) => {
        const row = await ownOpenInvitation(tx, callerOf(context), request.invitationId);
        await existingOrg(tx, row.org_id);
        await tx
          .insertInto("user_roles")
          .values({ user_id: resource.id, org_id: row.org_id, role: roles.member })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await mintProvisionToken(tx, tokenRules, resource.id, row.org_id);
        await close(tx, row.id, { accepted_at: new Date() });
        await publishInvitation(tx, "invitationAccepted", { ...row, accepted_at: new Date() }, resource.id);
        return {};
      });
    },

    async decline(request, context) {
      return write(platform, context, request, async (tx) => {
        const row = await ownOpenInvitation(tx, callerOf(context), request.invitationId);
        await close(tx, row.id, { declined_at: new Date() });
        await publishInvitation(tx, "invitationDeclined", { ...row, declined_at: new Date() });
        return {};
      });
    },

    async revoke(request, context) {
      return write(platform, context, request, async (tx) => {
        const row = await openInvitation(tx, request.invitationId);
        await publishInvitation(tx, "invitationDeclined", row);
        await tx.deleteFrom("invitations").where("id", "=", row.id).execute();
        return {};
      });
    },
  };
}

async function requireInvitable(tx: Database, orgId: string, invitee: string): Promise<void> {
  const org = await existingOrg(tx, orgId);
  if (org.is_personal) throw failedPrecondition("Nobody can be invited to a personal org.");
  const member = await tx
    .selectFrom("user_roles")
    .innerJoin("users", "users.id", "user_roles.user_id")
    .select("users.id")
    .where("users.email", "=", invitee)
    .where("user_roles.org_id", "=", orgId)
    .where("user_roles.role", "not in", globalRoles)
    .limit(1)
    .executeTakeFirst();
  if (member !== undefined) throw failedPrecondition("Already member.");
  const open = await tx
    .selectFrom("invitations")
    .select("invitee_email")
    .where("org_id", "=", orgId)
    .where("accepted_at", "is", null)
    .where("declined_at", "is", null)
    .execute();
  if (open.some((row) => row.invitee_email === invitee)) throw failedPrecondition("Already invited.");
  if (open.length >= mostOpen) throw resourceExhausted(`An org has at most ${mostOpen} open invitations.`);
}

async function openInvitation(tx: Database, id: string): Promise<InvitationRow> {
  const row = await tx
    .selectFrom("invitations")
    .selectAll()
    .where("id", "=", uuid(id, "invitation_id"))
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound("Invitation");
  if (row.accepted_at !== null) throw failedPrecondition("Already accepted.");
  if (row.declined_at !== null) throw failedPrecondition("Already declined.");
  return row;
}

async function ownOpenInvitation(tx: Database, caller: Caller, id: string): Promise<InvitationRow> {
  const row = await openInvitation(tx, id);
  if ((await addressOf(tx, caller)) !== row.invitee_email) throw permissionDenied();
  return row;
}

async function requireOwnAddress(db: Database, caller: Caller, wanted: string): Promise<void> {
  if (caller.permissions.has("invitation-admin-list")) return;
  if ((await addressOf(db, caller)) !== wanted) throw permissionDenied();
}

async function addressOf(db: Database, { resource }: Caller): Promise<string | undefined> {
  if (resource.kind !== "user") return undefined;
  return (await db.selectFrom("users").select("email").where("id", "=", resource.id).executeTakeFirst())?.email;
}

const close = (tx: Database, id: string, outcome: { readonly accepted_at: Date } | { readonly declined_at: Date }) =>
  tx.updateTable("invitations").set(outcome).where("id", "=", id).execute();
