import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { InvitationStatus } from "@blockvisor/wire/blockjoy/v1/invitation";
import { type ApiUnderTest, newUser, startApiUnderTest } from "../testing/api-under-test.ts";

type User = Awaited<ReturnType<typeof newUser>>;

describe("invitations", () => {
  let under: ApiUnderTest;
  let owner: User;
  let guest: User;
  let orgId = "";
  before(async () => {
    under = await startApiUnderTest();
    owner = await newUser(under, "owner@example.com");
    guest = await newUser(under, "guest@example.com");
    orgId = (await owner.as.org.create({ name: "Team" })).org?.orgId ?? "";
  });
  after(() => under.close());

  const invite = async (inviteeEmail: string) => {
    const { invitation } = await owner.as.invitation.create({ orgId, inviteeEmail });
    return invitation?.invitationId ?? "";
  };

  test("make a member of who accepts, with what members may do", async () => {
    const invitationId = await invite(" Guest@Example.com ");
    await assert.rejects(invite("guest@example.com"), /\[failed_precondition\] Already invited\./);
    await assert.rejects(guest.as.org.get({ orgId }), /\[permission_denied\] Permission denied\./);
    const { invitations } = await guest.as.invitation.list({
      inviteeEmail: "guest@example.com",
      status: InvitationStatus.OPEN,
    });
    assert.deepEqual(
      invitations.map((shown) => [shown.invitationId, shown.orgName]),
      [[invitationId, "Team"]],
    );
    await assert.rejects(
      owner.as.invitation.accept({ invitationId }),
      /\[permission_denied\]/,
      "it is somebody else's",
    );
    await guest.as.invitation.accept({ invitationId });
    await assert.rejects(guest.as.invitation.accept({ invitationId }), /\[failed_precondition\] Already accepted\./);
    const { org } = await guest.as.org.get({ orgId });
    assert.deepEqual(
      org?.members.map(({ email, roles }) => [email, roles.map((role) => role.name).sort()]),
      [
        ["owner@example.com", ["org-admin", "org-member", "org-owner"]],
        ["guest@example.com", ["org-member"]],
      ],
    );
    await assert.rejects(
      guest.as.invitation.create({ orgId, inviteeEmail: "x@example.com" }),
      /Missing permission: invitation-create/,
    );
    await assert.rejects(invite("guest@example.com"), /\[failed_precondition\] Already member\./);
  });

  test("a member gets its own provision token and leaves with it", async () => {
    const { token } = await guest.as.org.getProvisionToken({ userId: guest.userId, orgId });
    assert.equal(token.length, 24);
    await assert.rejects(
      guest.as.org.getProvisionToken({ userId: owner.userId, orgId }),
      /\[permission_denied\] Missing permission: org-update/,
    );
    assert.notEqual((await owner.as.org.getProvisionToken({ userId: guest.userId, orgId })).token, "");
    await assert.rejects(
      guest.as.org.removeMember({ orgId, userId: owner.userId }),
      /Missing permission: org-remove-member/,
    );
    await guest.as.org.removeMember({ orgId, userId: guest.userId });
    await assert.rejects(guest.as.org.get({ orgId }), /\[permission_denied\]/);
    await assert.rejects(
      owner.as.org.getProvisionToken({ userId: guest.userId, orgId }),
      /\[not_found\] Token not found\./,
    );
  });

  test("end when they are declined or revoked", async () => {
    const declined = await invite("guest@example.com");
    await guest.as.invitation.decline({ invitationId: declined });
    await assert.rejects(
      guest.as.invitation.accept({ invitationId: declined }),
      /\[failed_precondition\] Already declined\./,
    );
    const revoked = await invite("guest@example.com");
    await assert.rejects(guest.as.invitation.revoke({ invitationId: revoked }), /\[permission_denied\]/);
    await owner.as.invitation.revoke({ invitationId: revoked });
    await assert.rejects(guest.as.invitation.accept({ invitationId: revoked }), /\[not_found\] Invitation not found\./);
  });

  test("are shown to the org, to who is invited, and to nobody else", async () => {
    await invite("somebody@example.com");
    const { invitations } = await owner.as.invitation.list({ orgId, status: InvitationStatus.OPEN });
    assert.deepEqual(
      invitations.map((shown) => shown.inviteeEmail),
      ["somebody@example.com"],
    );
    await assert.rejects(guest.as.invitation.list({ orgId }), /\[permission_denied\]/);
    await assert.rejects(guest.as.invitation.list({ inviteeEmail: "somebody@example.com" }), /\[permission_denied\]/);
    await assert.rejects(guest.as.invitation.list({}), /\[permission_denied\]/);
    await assert.rejects(
      owner.as.invitation.create({ orgId: owner.personalOrgId, inviteeEmail: "x@example.com" }),
      /\[permission_denied\] Missing permission: invitation-create/,
    );
  });
});
