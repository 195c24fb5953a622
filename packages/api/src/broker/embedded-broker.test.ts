import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { fromBinary } from "@bufbuild/protobuf";
import { connectAsync, type MqttClient } from "mqtt";
import { type ApiUnderTest, newUser, startApiUnderTest } from "../testing/api-under-test.ts";
import { pushCatalogue } from "../testing/catalogue.ts";
import { connectHost, kindOf, type RegisteredHost, registerHost } from "../testing/fake-host.ts";

describe("the embedded broker", () => {
  let under: ApiUnderTest;
  let hosts: readonly RegisteredHost[];
  let orgId = "";
  let nodeId = "";
  let imageId = "";
  const open: MqttClient[] = [];

  const connect = async (token: string, clientId: string, protocolVersion: 4 | 5, asPassword = false) => {
    const credentials = asPassword ? { username: clientId, password: token } : { username: token };
    const client = await connectAsync(
      under.api.mqttUrl,
      { protocolVersion, clientId, reconnectPeriod: 0, ...credentials },
      false,
    );
    open.push(client);
    return client;
  };

  before(async () => {
    under = await startApiUnderTest();
    ({ imageId } = await pushCatalogue(under.as));
    const { orgs } = await under.as.org.list({ memberId: under.admin.userId, limit: 1n });
    orgId = orgs[0]?.orgId ?? "";
    const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
    const { region } = await under.as.host.getRegion({ region: { case: "regionKey", value: "local" } });
    const regionId = region?.regionId ?? "";
    hosts = [
      await registerHost(under.api.url, token, { name: "one", ips: ["10.1.0.1"], regionId }),
      await registerHost(under.api.url, token, { name: "two", ips: ["10.1.0.2"], regionId }),
    ];
  });
  after(async () => {
    for (const client of open) client.end(true);
    await under.close();
  });

  const first = () => hosts[0] as RegisteredHost;
  const second = () => hosts[1] as RegisteredHost;

  test("refuses a connection without a good token, in both versions", async () => {
    for (const version of [4, 5] as const) {
      await assert.rejects(connect("nonsense", first().hostId, version), /[Nn]ot authorized/);
    }
  });

  test("refuses a host under the id of another", async () => {
    await assert.rejects(connect(first().token, second().hostId, 5), /[Nn]ot authorized/);
  });

  test("an MQTT 5 host hears of its commands and is online until it vanishes", async () => {
    const { mqtt, notices } = await connectHost(under.api.mqttUrl, first(), 5);
    open.push(mqtt);
    const created = await under.as.node.create({
      orgId,
      imageId,
      launcher: { launch: { case: "byHost", value: { hostCounts: [{ hostId: first().hostId, nodeCount: 1 }] } } },
    });
    nodeId = created.nodes[0]?.nodeId ?? "";
    const { topic, payload } = await notices.next();
    assert.equal(topic, `/hosts/${first().hostId}/commands`);
    assert.equal(kindOf(fromBinary(CommandSchema, payload)), "create");

    const watcher = await connect(under.admin.token, "console", 4, true);
    await watcher.subscribeAsync(`/hosts/${first().hostId}`, { qos: 1 });
    const gone = new Promise((resolve) => watcher.once("message", resolve));
    mqtt.stream.destroy();
    await gone;
    await assert.rejects(
      under.as.node.create({
        orgId,
        imageId,
        launcher: {
          launch: {
            case: "byRegion",
            value: {
              regionCounts: [
                {
                  regionId: (await under.as.host.getHost({ hostId: first().hostId })).host?.region?.regionId ?? "",
                  nodeCount: 1,
                },
              ],
            },
          },
        },
      }),
      /No matching host\./,
      "no host is online any more",
    );
  });

  test("a host that comes back to open commands is woken up", async () => {
    const { mqtt, notices } = await connectHost(under.api.mqttUrl, first(), 5);
    open.push(mqtt);
    const { payload } = await notices.next();
    assert.equal(kindOf(fromBinary(CommandSchema, payload)), "pending");
    await mqtt.endAsync();
  });

  test("nobody publishes but a host its own status", async () => {
    for (const version of [4, 5] as const) {
      const client = await connect(under.admin.token, `console-${version}`, version);
      const closed = new Promise((resolve) => client.once("close", () => resolve(undefined)));
      client.publish(`/hosts/${first().hostId}/commands`, "forged", { qos: 1 });
      await closed;
    }
    const host = await connect(second().token, second().hostId, 5);
    const closed = new Promise((resolve) => host.once("close", () => resolve(undefined)));
    host.publish(`/bv/hosts/${first().hostId}/status`, "forged", { qos: 1 });
    await closed;
  });

  test("everybody subscribes only to what is theirs", async () => {
    const stranger = await newUser(under, "stranger@example.com");
    const cases = [
      { token: second().token, id: second().hostId, topic: `/hosts/${first().hostId}/commands`, allowed: false },
      { token: second().token, id: second().hostId, topic: `/hosts/${second().hostId}/commands`, allowed: true },
      { token: second().token, id: second().hostId, topic: "/#", allowed: false },
      { token: second().token, id: second().hostId, topic: `/orgs/${orgId}/nodes`, allowed: false },
      { token: stranger.token, id: "stranger", topic: `/orgs/${orgId}/nodes`, allowed: false },
      { token: stranger.token, id: "stranger", topic: `/orgs/${stranger.personalOrgId}/nodes`, allowed: true },
      { token: stranger.token, id: "stranger", topic: `/nodes/${nodeId}`, allowed: false },
      { token: stranger.token, id: "stranger", topic: `/hosts/${first().hostId}`, allowed: false },
      { token: under.admin.token, id: "admin", topic: `/nodes/${nodeId}`, allowed: true },
      { token: under.admin.token, id: "admin", topic: `/hosts/${first().hostId}/commands`, allowed: false },
      { token: under.admin.token, id: "admin", topic: "#", allowed: false },
    ];
    for (const version of [4, 5] as const) {
      for (const { token, id, topic, allowed } of cases) {
        const client = await connect(token, id, version);
        const granted = await client.subscribeAsync(topic, { qos: 1 }).then(
          (grants) => grants.every((grant) => grant.qos < 0x80),
          () => false,
        );
        assert.equal(granted, allowed, `${id} ${topic} (MQTT ${version})`);
        await client.endAsync(true);
      }
    }
  });

  test("a client that announces a huge packet is cut off before it can send it", async () => {
    const { hostname, port } = new URL(under.api.mqttUrl);
    const socket = net.connect(Number(port), hostname);
    await once(socket, "connect");
    socket.on("error", () => {});
    const closed = once(socket, "close");
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    await closed;
  });
});
