import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ResourceAffinity, SimilarNodeAffinity } from "@blockvisor/wire/blockjoy/common/v1/node";
import { type ApiUnderTest, newUser, startApiUnderTest } from "../testing/api-under-test.ts";
import { pushCatalogue } from "../testing/catalogue.ts";
import { connectHost, type HostConnection, type RegisteredHost, registerHost } from "../testing/fake-host.ts";
import { startPostgres } from "../testing/postgres.ts";

describe("placing nodes (PostgreSQL)", () => {
  let under: ApiUnderTest;
  let postgres: { readonly url: string; stop(): Promise<void> };
  let imageId = "";
  let orgId = "";
  let provisionToken = "";
  let regionId = "";
  const connections: HostConnection[] = [];

  before(async () => {
    postgres = await startPostgres();
    under = await startApiUnderTest({ databaseUrl: postgres.url });
    ({ imageId } = await pushCatalogue(under.as));
    orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
    provisionToken = (await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId })).token;
  });
  after(async () => {
    for (const { mqtt } of connections) mqtt.end(true);
    await under?.close();
    await postgres?.stop();
  });

  const newRegion = async (regionKey: string) =>
    (await under.as.host.createRegion({ regionKey, displayName: regionKey })).region?.regionId ?? "";
  const register = (name: string, ips: readonly string[], more: { cpuCores?: bigint; isPrivate?: boolean } = {}) =>
    registerHost(under.api.url, provisionToken, { name, ips, regionId, ...more });
  /** Comes online and waits until the API knows. */
  const online = async (host: RegisteredHost) => {
    connections.push(await connectHost(under.api.mqttUrl, host));
    while (
      !(await under.as.host.listRegions({ imageId, orgId })).regions.some(
        ({ validHosts }) => validHosts >= connections.length,
      )
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const onHost = (hostId: string, nodeCount = 1) => ({
    launch: { case: "byHost" as const, value: { hostCounts: [{ hostId, nodeCount }] } },
  });
  const inRegion = (
    nodeCount: number,
    wishes: { resource?: ResourceAffinity; similarity?: SimilarNodeAffinity } = {},
  ) => ({
    launch: { case: "byRegion" as const, value: { regionCounts: [{ regionId, nodeCount, ...wishes }] } },
  });

  test("twenty launches at once on a host with ten addresses make exactly ten nodes", async () => {
    regionId = await newRegion("crowded");
    const host = await register(
      "crowded",
      Array.from({ length: 10 }, (_, index) => `10.20.0.${index + 1}`),
      { cpuCores: 100n },
    );
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => under.as.node.create({ orgId, imageId, launcher: onHost(host.hostId) })),
    );
    const made = results.flatMap((result) => (result.status === "fulfilled" ? result.value.nodes : []));
    const refused = results.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason.rawMessage)] : [],
    );
    assert.equal(new Set(made.map((node) => node.ipAddress)).size, 10);
    assert.deepEqual(new Set(refused), new Set(["Host has too few available IPs. (crowded)"]));
    assert.equal(refused.length, 10);
    const { commands } = await host.as.command.pending({ hostId: host.hostId });
    assert.equal(new Set(commands.map((command) => command.commandId)).size, 10);
  });

  test("a launch of several is all or nothing", async () => {
    regionId = await newRegion("small");
    const host = await register("small", ["10.21.0.1", "10.21.0.2", "10.21.0.3"], { cpuCores: 2n });
    await assert.rejects(
      under.as.node.create({ orgId, imageId, launcher: onHost(host.hostId, 3) }),
      /Host has too little available cpu\. \(small: 1 needed, 0 free\)/,
    );
    const { total } = await under.as.node.list({ hostIds: [host.hostId] });
    assert.equal(total, 0n);
    assert.deepEqual((await host.as.command.pending({ hostId: host.hostId })).commands, []);
  });

  test("by region: only hosts that are online; emptiest first unless wished otherwise", async () => {
    regionId = await newRegion("spread");
    const [first, second] = [
      await register("spread-1", ["10.22.0.1", "10.22.0.2", "10.22.0.3", "10.22.0.4"]),
      await register("spread-2", ["10.22.1.1", "10.22.1.2", "10.22.1.3", "10.22.1.4"]),
    ];
    await assert.rejects(
      under.as.node.create({ orgId, imageId, launcher: inRegion(1) }),
      /\[failed_precondition\] No matching host\./,
    );
    await online(first);
    await online(second);
    const hostsOf = async (count: number, wishes = {}) =>
      (await under.as.node.create({ orgId, imageId, launcher: inRegion(count, wishes) })).nodes
        .map((node) => node.hostNetworkName)
        .sort();
    assert.deepEqual(await hostsOf(2), ["spread-1", "spread-2"]);
    const [one] = await hostsOf(1);
    assert.deepEqual(await hostsOf(1, { resource: ResourceAffinity.MOST_RESOURCES }), [one], "the fullest first");
    assert.deepEqual(await hostsOf(1, { similarity: SimilarNodeAffinity.CLUSTER }), [one], "where the others are");
    const [other] = await hostsOf(1, { similarity: SimilarNodeAffinity.SPREAD });
    assert.notEqual(other, one);
    const { regions } = await under.as.host.listRegions({ imageId, orgId });
    assert.deepEqual(
      regions.map(({ region, validHosts, freeIps }) => [region?.regionKey, validHosts, freeIps]),
      [["spread", 1, 2]],
    );
  });

  test("org tokens register private hosts, and those take no other org's nodes", async () => {
    const stranger = await newUser(under, "stranger@example.com");
    regionId = await newRegion("private");
    const { token } = await stranger.as.org.getProvisionToken({
      userId: stranger.userId,
      orgId: stranger.personalOrgId,
    });
    const machine = { name: "strangers", ips: ["10.23.0.1"], regionId };
    await assert.rejects(
      registerHost(under.api.url, token, { ...machine, isPrivate: false }),
      /\[permission_denied\] This token registers private hosts only\. Run bvup with --private\./,
    );
    const host = await registerHost(under.api.url, token, machine);
    await assert.rejects(
      under.as.node.create({ orgId, imageId, launcher: onHost(host.hostId) }),
      /\[not_found\] Host not found\./,
    );
    const { nodes } = await host.as.node.create({
      orgId: stranger.personalOrgId,
      imageId,
      launcher: onHost(host.hostId),
    });
    assert.equal(nodes.length, 1);
    await assert.rejects(
      host.as.node.create({ orgId: stranger.personalOrgId, imageId, launcher: inRegion(1) }),
      /A host launches nodes only on itself/,
    );
    await assert.rejects(stranger.as.host.deleteHost({ hostId: host.hostId }), /This host still has nodes\./);
  });

  test("a token is good for one org, until it is reset, and says what is wrong with it", async () => {
    const wrong = { name: "nobody", ips: ["10.24.0.1"], regionId };
    await assert.rejects(registerHost(under.api.url, "x".repeat(24), wrong), /\[permission_denied\] Invalid token\./);
    const { token } = await under.as.org.resetProvisionToken({ userId: under.admin.userId, orgId });
    await assert.rejects(registerHost(under.api.url, provisionToken, wrong), /\[permission_denied\] Invalid token\./);
    assert.equal((await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId })).token, token);
    provisionToken = token;
  });

  test("the same machine registers again with fresh credentials as long as it runs nothing", async () => {
    regionId = await newRegion("again");
    const first = await register("again", ["10.25.0.1"]);
    const second = await register("again", ["10.25.0.1", "10.25.0.2"]);
    assert.equal(second.hostId, first.hostId);
    await assert.rejects(
      under.as.auth.refresh({ token: first.token, refresh: first.refresh }),
      /Invalid refresh token/,
      "the old credentials are void",
    );
    await under.as.node.create({ orgId, imageId, launcher: onHost(second.hostId) });
    await assert.rejects(register("again", ["10.25.0.1"]), /\[already_exists\] Host already exists\./);
    await assert.rejects(register("other", ["10.25.0.2"]), /\[already_exists\] Ip address already exists\./);
  });

  test("what a machine says about itself is checked", async () => {
    const machine = { name: "odd", ips: ["10.26.0.1"], regionId };
    const cases: readonly [Partial<typeof machine>, RegExp][] = [
      [{ ips: ["10.26.0.1", "10.26.0.1"] }, /\[invalid_argument\] ips: has an address twice/],
      [{ ips: ["10.9.0.254"] }, /\[invalid_argument\] ips: contains the gateway/],
      [{ ips: ["10.26.0.999"] }, /\[invalid_argument\] ips: '10\.26\.0\.999' is not an IP address/],
      [{ name: " " }, /\[invalid_argument\] network_name/],
      [{ regionId: "" }, /\[invalid_argument\] region_id/],
      [{ regionId: orgId }, /\[not_found\] Region not found\./],
    ];
    for (const [change, message] of cases) {
      await assert.rejects(registerHost(under.api.url, provisionToken, { ...machine, ...change }), message);
    }
  });
});
