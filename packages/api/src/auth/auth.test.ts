import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { type ApiUnderTest, newUser, startApiUnderTest } from "../testing/api-under-test.ts";
import { clients } from "../testing/clients.ts";
import { createAccessTokens } from "./access-token.ts";

describe("sessions and keys", () => {
  let under: ApiUnderTest;
  before(async () => {
    under = await startApiUnderTest();
  });
  after(() => under.close());
  const open = () => clients(under.api.url);
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

  test("an access token is plain JSON with the claims clients read", () => {
    const claims = claimsOf(under.admin.token);
    assert.deepEqual(
      [claims.resource_type, claims.resource_id, claims.roles, claims.data, claims.exp - claims.iat],
      ["User", under.admin.userId, "grpc-login", { email: under.admin.email }, 600],
    );
  });

  test("wrong credentials of every kind get the answer of the specification", async () => {
    const { email } = under.admin;
    await assert.rejects(
      open().auth.login({ email, password: "wrong" }),
      /\[permission_denied\] Invalid email or password\./,
    );
    await assert.rejects(
      open().auth.login({ email: "x@y.z", password: "p" }),
      /\[permission_denied\] Invalid email or password\./,
    );
    await assert.rejects(open().discovery.services({}), /\[unauthenticated\] Missing auth header\./);
    const basic = clients(under.api.url, undefined, { authorization: "Basic abc" });
    await assert.rejects(basic.discovery.services({}), /\[unauthenticated\] Bad auth header\./);
    await assert.rejects(
      clients(under.api.url, "a.b.c").discovery.services({}),
      /\[permission_denied\] Invalid JWT token\./,
    );
    const key = `api_${"A".repeat(22)}_${"B".repeat(27)}`;
    await assert.rejects(clients(under.api.url, key).discovery.services({}), /\[permission_denied\] Invalid API key\./);
    const forged = await createAccessTokens(Buffer.alloc(64, 1), 600).sign({
      resource: { kind: "user", id: under.admin.userId },
      roles: ["blockjoy-admin"],
      data: {},
    });
    await assert.rejects(clients(under.api.url, forged).discovery.services({}), /Invalid JWT token/);
    const unsigned = [Buffer.from('{"alg":"none"}').toString("base64url"), under.admin.token.split(".")[1], ""].join(
      ".",
    );
    await assert.rejects(clients(under.api.url, unsigned).discovery.services({}), /Invalid JWT token/);
  });

  test("guessing is slowed down, per account and whatever the spelling", async () => {
    await newUser(under, "victim@example.com");
    const guess = (email: string) => open().auth.login({ email, password: "Guess1234567" });
    for (let attempt = 0; attempt < 5; attempt += 1) await assert.rejects(guess("victim@example.com"), /Invalid email/);
    await assert.rejects(guess(" Victim@Example.com "), /\[resource_exhausted\] Too many attempts/);
    await assert.rejects(guess("somebody-else@example.com"), /Invalid email/);
  });

  test("refreshing rotates the token; a copy used later ends the session", async () => {
    const user = await newUser(under, "rotate@example.com");
    const first = await open().auth.refresh({ token: user.token, refresh: user.refresh });
    const again = await open().auth.refresh({ token: user.token, refresh: user.refresh });
    assert.notEqual(first.refresh, user.refresh);
    await open().auth.refresh({ token: first.token, refresh: again.refresh });
    await open().auth.refresh({ token: first.token, refresh: first.refresh });
    await assert.rejects(
      open().auth.refresh({ token: under.admin.token, refresh: first.refresh }),
      /\[unauthenticated\] Access denied\./,
      "of somebody else",
    );
    await assert.rejects(
      open().auth.refresh({ token: user.token }),
      /\[invalid_argument\] refresh: No refresh token\./,
    );
    await assert.rejects(open().auth.refresh({ token: user.token, refresh: "x" }), /Invalid refresh token/);
  });

  test("the refresh token also travels as a cookie", async () => {
    const { email, password } = under.admin;
    const call = (method: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${under.api.url}/blockjoy.v1.AuthService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const login = await call("Login", { email, password });
    const cookie = login.headers.get("set-cookie") ?? "";
    assert.match(cookie, /^refresh=[\w.-]+; Path=\/; Max-Age=72000; Expires=[^;]+; Secure; HttpOnly; SameSite=None$/);
    const { token } = (await login.json()) as { token: string };
    const refreshed = await call("Refresh", { token }, { cookie: cookie.split(";")[0] ?? "" });
    assert.equal(refreshed.status, 200);
    assert.match(refreshed.headers.get("set-cookie") ?? "", /^refresh=/);
  });

  test("a new password ends every session", async () => {
    const user = await newUser(under, "password@example.com");
    const change = (oldPassword: string, newPassword: string) =>
      user.as.auth.updateUIPassword({ userId: user.userId, oldPassword, newPassword });
    await assert.rejects(change("wrong", "Another1Password"), /Invalid email or password/);
    await assert.rejects(
      change(user.password, "short"),
      /\[invalid_argument\] new_password: a password has at least 10/,
    );
    await change(user.password, "Another1Password");
    await assert.rejects(open().auth.refresh({ token: user.token, refresh: user.refresh }), /Invalid refresh token/);
    await open().auth.login({ email: "password@example.com", password: "Another1Password" });
  });

  test("an API key holds what was asked for, never more than its owner holds now", async () => {
    const user = await newUser(under, "keys@example.com");
    const resource = { resourceType: ResourceType.USER, resourceId: user.userId };
    const make = (permissions: string[]) => user.as.apiKey.create({ label: "test", resource, permissions });
    await assert.rejects(
      make(["protocol-admin-add-protocol"]),
      /\[permission_denied\] Missing permission: protocol-admin-add-protocol/,
    );
    await assert.rejects(
      make(["no-such-permission"]),
      /\[invalid_argument\] permission: there is no permission 'no-such-permission'/,
    );
    await assert.rejects(make([]), /\[invalid_argument\] permissions/);
    const { apiKey } = await make(["user-get", "org-list"]);
    const withKey = clients(under.api.url, apiKey);
    assert.equal((await withKey.user.get({ userId: user.userId })).user?.email, "keys@example.com");
    await assert.rejects(withKey.discovery.services({}), /Missing permission: discovery-services/);
    await assert.rejects(withKey.user.get({ userId: under.admin.userId }), /\[permission_denied\] Access denied\./);
    const standard = apiKey.replaceAll("-", "+");
    if (!standard.slice(27).includes("_")) await clients(under.api.url, standard).user.get({ userId: user.userId });

    const [key] = (await user.as.apiKey.list({})).apiKeys;
    assert.deepEqual([key?.label, key?.permissions], ["test", ["user-get", "org-list"]]);
    await assert.rejects(under.as.apiKey.delete({ apiKeyId: key?.apiKeyId ?? "" }), /Access denied/);
    await user.as.apiKey.delete({ apiKeyId: key?.apiKeyId ?? "" });
    await assert.rejects(withKey.user.get({ userId: user.userId }), /Invalid API key/);
  });

  test("a key of an org goes with the org", async () => {
    const owner = await newUser(under, "owner@example.com");
    const { org } = await owner.as.org.create({ name: "Leaving" });
    const orgId = org?.orgId ?? "";
    const { apiKey } = await owner.as.apiKey.create({
      label: "ci",
      resource: { resourceType: ResourceType.ORG, resourceId: orgId },
      permissions: ["org-get", "org-update"],
    });
    const withKey = clients(under.api.url, apiKey);
    await withKey.org.update({ orgId, name: "Renamed" });
    await assert.rejects(owner.as.org.removeMember({ orgId, userId: owner.userId }), /Can't remove last org owner\./);
    await owner.as.org.delete({ orgId });
    await assert.rejects(withKey.org.get({ orgId }), /Invalid API key/);
  });

  test("a deleted user is out at once, and its address is free again", async () => {
    const user = await newUser(under, "leaver@example.com");
    await user.as.user.delete({ userId: user.userId });
    await assert.rejects(user.as.user.get({ userId: user.userId }), /\[unauthenticated\] Access denied\./);
    await assert.rejects(open().auth.refresh({ token: user.token, refresh: user.refresh }), /Invalid refresh token/);
    await newUser(under, "leaver@example.com");
  });

  test("permissions of a user in an org are listed, for itself only", async () => {
    const user = await newUser(under, "lister@example.com");
    const listed = (includeToken: boolean) =>
      user.as.auth.listPermissions({ userId: user.userId, orgId: user.personalOrgId, includeToken });
    const { permissions } = await listed(false);
    assert.ok(permissions.includes("node-create"));
    assert.ok(!permissions.includes("api-key-create"));
    assert.ok((await listed(true)).permissions.includes("api-key-create"));
    await assert.rejects(
      user.as.auth.listPermissions({ userId: under.admin.userId, orgId: user.personalOrgId }),
      /\[permission_denied\]/,
    );
  });

  test("registration is closed unless it was opened", async () => {
    const account = { email: "new@example.com", firstName: "A", lastName: "B", password: "Correct1Horse2Battery" };
    await assert.rejects(open().user.create(account), /\[permission_denied\] Registration is closed/);
    const user = await newUser(under, "ordinary@example.com");
    await assert.rejects(user.as.user.create(account), /\[permission_denied\]/);
    await assert.rejects(under.as.user.create({ ...account, email: "not an address" }), /\[invalid_argument\] email/);
    await assert.rejects(
      under.as.user.create({ ...account, email: "ORDINARY@example.com" }),
      /\[already_exists\] User already exists\./,
    );
  });

  test("a request that is repeated with its idempotency key is carried out once", async () => {
    const once = clients(under.api.url, under.admin.token, { "idempotency-key": "create-once" });
    const first = await once.protocol.addProtocol({ key: "once-only", name: "Once" });
    const second = await once.protocol.addProtocol({ key: "once-only", name: "Once" });
    assert.deepEqual(second, first);
    await assert.rejects(
      once.protocol.addProtocol({ key: "other", name: "Other" }),
      /idempotency-key was used for another request/,
    );
    const both = await Promise.all(
      [1, 2, 3].map(() =>
        clients(under.api.url, under.admin.token, { "idempotency-key": "together" }).host.createRegion({
          regionKey: "together",
          displayName: "T",
        }),
      ),
    );
    assert.equal(new Set(both.map(({ region }) => region?.regionId)).size, 1);
  });

  test("development images stay visible to who pushes them", async () => {
    const { protocol } = await under.as.protocol.addProtocol({ key: "dev-chain", name: "Dev" });
    const protocolId = protocol?.protocolId ?? "";
    await under.as.protocol.updateProtocol({ protocolId, visibility: Visibility.DEVELOPMENT });
    assert.equal(
      (await under.as.protocol.getProtocol({ protocol: { case: "protocolId", value: protocolId } })).protocol?.key,
      "dev-chain",
    );
    const user = await newUser(under, "outsider@example.com");
    await assert.rejects(
      user.as.protocol.getProtocol({ protocol: { case: "protocolId", value: protocolId } }),
      /\[not_found\]/,
    );
  });
});
