import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { type RegisteredHost, registerHost } from "../testing/fake-host.ts";

const secret = "a-secret-of-the-broker";

describe("what an external broker asks, and what hosts download", () => {
  let under: ApiUnderTest;
  let host: RegisteredHost;
  let orgId = "";

  before(async () => {
    const bundleDir = path.join(await newDataDir(), "bundles");
    for (const version of ["0.9.0", "0.10.0", "not-a-version"]) {
      await mkdir(path.join(bundleDir, version), { recursive: true });
      await writeFile(path.join(bundleDir, version, "bvd-bundle.tgz"), `bundle ${version}`);
    }
    await mkdir(path.join(bundleDir, "1.0.0"));
    under = await startApiUnderTest({ brokerHookSecret: secret, bundleDir });
    orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
    const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
    const regionId =
      (await under.as.host.getRegion({ region: { case: "regionKey", value: "local" } })).region?.regionId ?? "";
    host = await registerHost(under.api.url, token, { name: "one", ips: ["10.1.0.1"], regionId });
  });
  after(() => under.close());

  const ask = async (hook: "auth" | "acl", body: unknown, authorization = `Bearer ${secret}`) => {
    const response = await fetch(`${under.api.url}/mqtt/${hook}`, {
      method: "POST",
      headers: { authorization },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, result: ((await response.json()) as { result?: string }).result };
  };

  test("only the broker may ask", async () => {
    assert.equal((await ask("auth", {}, "Bearer guess")).status, 401);
    assert.equal((await ask("acl", {}, "")).status, 401);
  });

  test("who may connect", async () => {
    const auth = async (body: unknown) => (await ask("auth", body)).result;
    assert.equal(await auth({ username: host.token, password: "", clientid: host.hostId }), "allow");
    assert.equal(await auth({ username: host.token, clientid: orgId }), "deny");
    assert.equal(
      await auth({ username: under.admin.userId, password: under.admin.token, clientid: "console" }),
      "allow",
    );
    assert.equal(await auth({ username: under.admin.token, clientid: "blockvisor-api-forged" }), "deny");
    assert.equal(await auth({ username: "nonsense", clientid: "x" }), "deny");
    assert.equal(await auth("not json"), "deny");
    assert.equal(await auth("x".repeat(100_000)), "deny");
  });

  test("who may publish and subscribe, in both spellings", async () => {
    const acl = async (operation: string, username: string, topic: string) =>
      (await ask("acl", { operation, username, topic })).result;
    for (const [publish, subscribe] of [
      ["publish", "subscribe"],
      ["1", "2"],
    ] as const) {
      assert.equal(await acl(publish, host.token, `/bv/hosts/${host.hostId}/status`), "allow");
      assert.equal(await acl(publish, host.token, `/hosts/${host.hostId}/commands`), "deny");
      assert.equal(await acl(subscribe, host.token, `/hosts/${host.hostId}/commands`), "allow");
      assert.equal(await acl(subscribe, host.token, "/hosts/#"), "deny");
      assert.equal(await acl(subscribe, under.admin.token, `/orgs/${orgId}/nodes`), "allow");
      assert.equal(await acl(publish, under.admin.token, `/orgs/${orgId}/nodes`), "deny");
    }
  });

  test("bundles are listed in order and fetched by exact version", async () => {
    const { bundleIds } = await host.as.bundle.listVersions({});
    assert.deepEqual(
      bundleIds.map(({ version }) => version),
      ["0.9.0", "0.10.0"],
    );
    const { url } = await host.as.bundle.retrieve({ bundleId: { version: "0.10.0" } });
    assert.equal(await (await fetch(url)).text(), "bundle 0.10.0");
    await assert.rejects(
      host.as.bundle.retrieve({ bundleId: { version: "1.0.0" } }),
      /\[not_found\] Bundle not found\./,
    );
    await assert.rejects(
      host.as.bundle.retrieve({ bundleId: { version: "../keys" } }),
      /\[invalid_argument\] bundle_id/,
    );
    assert.equal((await fetch(`${under.api.url}/bundles/..%2f..%2fkeys.json/bvd-bundle.tgz`)).status, 404);
  });
});
