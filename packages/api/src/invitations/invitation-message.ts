import { OrgMessageSchema } from "@blockvisor/wire/blockjoy/v1/event";
import { type Invitation, InvitationSchema, InvitationStatus } from "@blockvisor/wire/blockjoy/v1/invitation";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Selectable } from "kysely";
import { topics } from "../broker/broker.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { publish } from "../outbox/outbox.ts";
import { resourceMessage } from "../resource.ts";
import { notFound } from "../rpc-error.ts";

export type InvitationRow = Selectable<Schema["invitations"]>;

export async function invitationMessages(db: Database, rows: readonly InvitationRow[]): Promise<Invitation[]> {
  if (rows.length === 0) return [];
  const orgs = await db
    .selectFrom("orgs")
    .select(["id", "name"])
    .where("id", "in", [...new Set(rows.map((row) => row.org_id))])
    .execute();
  const names = new Map(orgs.map((org) => [org.id, org.name]));
  return rows.map((row) =>
    create(InvitationSchema, {
      invitationId: row.id,
      orgId: row.org_id,
      orgName: names.get(row.org_id) ?? "",
      inviteeEmail: row.invitee_email,
      status: statusOf(row),
      invitedBy: resourceMessage({ kind: row.invited_by_type, id: row.invited_by_id }),
      createdAt: timestampFromDate(row.created_at),
      ...(row.accepted_at === null ? {} : { acceptedAt: timestampFromDate(row.accepted_at) }),
      ...(row.declined_at === null ? {} : { declinedAt: timestampFromDate(row.declined_at) }),
    }),
  );
}

function statusOf(row: InvitationRow): InvitationStatus {
  if (row.accepted_at !== null) return InvitationStatus.ACCEPTED;
  return row.declined_at === null ? InvitationStatus.OPEN : InvitationStatus.DECLINED;
}

/** Tells the org's consoles. A revoked invitation is told as declined: the contract has no other word for it (CA-2.13). */
export async function publishInvitation(
  tx: Database,
  kind: "invitationCreated" | "invitationAccepted" | "invitationDeclined",
  row: InvitationRow,
  acceptedBy?: string,
): Promise<Invitation> {
  const [invitation] = await invitationMessages(tx, [row]);
  if (invitation === undefined) throw notFound("Invitation");
  const value = { orgId: row.org_id, invitation };
  const message: NonNullable<MessageInitShape<typeof OrgMessageSchema>["message"]> =
    kind === "invitationAccepted"
      ? { case: kind, value: { ...value, ...(await acceptor(tx, acceptedBy)) } }
      : kind === "invitationCreated"
        ? { case: kind, value }
        : { case: kind, value };
  await publish(tx, topics.org(row.org_id), OrgMessageSchema, { message });
  return invitation;
}

async function acceptor(tx: Database, userId: string | undefined) {
  if (userId === undefined) return {};
  const user = await tx.selectFrom("users").selectAll().where("id", "=", userId).executeTakeFirst();
  if (user === undefined) return {};
  return { user: { userId: user.id, email: user.email, firstName: user.first_name, lastName: user.last_name } };
}
