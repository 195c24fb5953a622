import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { CommandExitCode } from "@blockvisor/wire/blockjoy/v1/command";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { pushBuild, pushCatalogue, pushVersion, versionKey } from "../testing/catalogue.ts";
import {
  connectHost,
  finishCommands,
  type HostConnection,
  kindOf,
  type RegisteredHost,
  registerHost,
  takeCommands,
} from "../testing/fake-host.ts";

describe("commands and what follows from them", () => {
  let under: ApiUnderTest;
  let imageId = "";
  let protocolVersionId = "";
  let orgId = "";
  let regionId = "";
  const hosts: RegisteredHost[] = [];
  const connections: HostConnection[] = [];

  before(async () => {
    under = await startApiUnderTest();
    ({ imageId, protocolVersionId } = await pushCatalogue(under.as));
    orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
    const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
    regionId =
      (await under.as.host.getRegion({ region: { case: "regionKey", value: "local" } })).region?.regionId ?? "";
    for (const number of [1, 2, 3]) {
      const ips = [1, 2, 3, 4].map((last) => `10.30.${number}.${last}`);
      const host = await registerHost(under.api.url, token, { name: `host-${number}`, ips, regionId });
      hosts.push(host);
      connections.push(await connectHost(under.api.mqttUrl, host));
    }
    while (((await under.as.host.listRegions({ imageId, orgId })).regions[0]?.validHosts ?? 0) < hosts.length) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  after(async () => {
    for (const { mqtt } of connections) mqtt.end(true);
    await under.close();
  });

  const hostOf = (hostId: string) => hosts.find((host) => host.hostId === hostId) as RegisteredHost;
  const nodeOf = async (nodeId: string) => {
    const { node } = await under.as.node.get({ nodeId });
    assert.ok(node);
    return node;
  };
  const launch = async (by: "region" | "host", newValues: { key: string; value: string }[] = []) => {
    const [first] = hosts;
    assert.ok(first);
    const launcher =
      by === "region"
        ? { launch: { case: "byRegion" as const, value: { regionCounts: [{ regionId, nodeCount: 1 }] } } }
        : { launch: { case: "byHost" as const, value: { hostCounts: [{ hostId: first.hostId, nodeCount: 1 }] } } };
    const { nodes } = await under.as.node.create({ orgId, imageId, launcher, newValues });
    const [node] = nodes;
    assert.ok(node);
    return { node, host: hostOf(node.hostId) };
  };
  /** Created, started and reported as running. */
  const running = async () => {
    const { node, host } = await launch("host");
    await finishCommands(host);
    await finishCommands(host);
    await host.as.node.reportStatus({
      nodeId: node.nodeId,
      configId: node.configId,
      status: { state: NodeState.RUNNING },
    });
    return { node, host };
  };
  const remove = async (nodeId: string) => {
    await under.as.node.delete({ nodeId });
    await finishCommands(hostOf((await nodeOf(nodeId)).hostId));
  };
  const statesOf = async (nodeId: string) =>
    (await under.as.command.list({ nodeId })).commands.map((command) => [kindOf(command), command.exitCode ?? "open"]);

  test("a creation that fails moves to a host that was not tried; the old one cleans up", async () => {
    const { node, host } = await launch("region");
    await finishCommands(host, CommandExitCode.INTERNAL_ERROR, "disk broke");
    const moved = await nodeOf(node.nodeId);
    assert.notEqual(moved.hostId, node.hostId);
    assert.notEqual(moved.ipAddress, node.ipAddress);
    assert.equal(moved.nodeStatus?.state, NodeState.STARTING);
    assert.equal(moved.reports[0]?.message, "create failed: disk broke");
    assert.deepEqual(await finishCommands(host, CommandExitCode.NODE_NOT_FOUND), ["delete"]);
    assert.equal((await nodeOf(node.nodeId)).hostId, moved.hostId, "cleaning up did not remove the node");
    const next = hostOf(moved.hostId);
    assert.deepEqual(await finishCommands(next), ["create"]);
    assert.deepEqual(await finishCommands(next), ["start"]);
    await remove(node.nodeId);
  });

  test("it gives up when every host was tried", async () => {
    const { node } = await launch("region");
    for (let attempt = 0; attempt < hosts.length; attempt += 1) {
      const { hostId } = await nodeOf(node.nodeId);
      await finishCommands(hostOf(hostId), CommandExitCode.INTERNAL_ERROR, "no");
    }
    assert.equal((await nodeOf(node.nodeId)).nodeStatus?.state, NodeState.FAILED);
    for (const host of hosts) assert.ok(!(await finishCommands(host)).includes("create"));
    await remove(node.nodeId);
  });

  test("a broken script is nobody's host's fault: failed at once", async () => {
    const { node, host } = await launch("region");
    await finishCommands(host, CommandExitCode.INTERNAL_ERROR, "BV internal error: 'Rhai syntax error: line 3'");
    const failed = await nodeOf(node.nodeId);
    assert.deepEqual([failed.nodeStatus?.state, failed.hostId], [NodeState.FAILED, node.hostId]);
    await remove(node.nodeId);
  });

  test("a host that was named is not replaced by another", async () => {
    const { node, host } = await launch("host");
    await finishCommands(host, CommandExitCode.INTERNAL_ERROR, "no");
    const failed = await nodeOf(node.nodeId);
    assert.deepEqual([failed.nodeStatus?.state, failed.hostId], [NodeState.FAILED, node.hostId]);
    await remove(node.nodeId);
  });

  test("'not now' is asked again after the host's own hint, and not before", async () => {
    const { node, host } = await running();
    await under.as.node.restart({ nodeId: node.nodeId });
    const [restart] = await takeCommands(host);
    await host.as.command.update({
      commandId: restart?.commandId ?? "",
      exitCode: CommandExitCode.BLOCKING_JOB_RUNNING,
      exitMessage: "upload",
      retryHintSeconds: 3600n,
    });
    assert.deepEqual((await statesOf(node.nodeId)).slice(0, 2), [
      ["restart", "open"],
      ["restart", CommandExitCode.BLOCKING_JOB_RUNNING],
    ]);
    assert.deepEqual(await takeCommands(host), [], "it is not due yet");
    await under.as.node.stop({ nodeId: node.nodeId });
    assert.deepEqual(await finishCommands(host), ["stop"]);
    await remove(node.nodeId);
  });

  test("an order that failed is not repeated when a newer one says otherwise", async () => {
    const { node, host } = await running();
    await under.as.node.stop({ nodeId: node.nodeId });
    const [stop] = await takeCommands(host);
    await under.as.node.start({ nodeId: node.nodeId });
    await host.as.command.update({ commandId: stop?.commandId ?? "", exitCode: CommandExitCode.SERVICE_NOT_READY });
    assert.deepEqual(await finishCommands(host), ["start"]);
    assert.deepEqual(
      (await statesOf(node.nodeId)).filter(([, state]) => state === "open"),
      [],
    );
    await remove(node.nodeId);
  });

  test("orders nobody has seen yet are overtaken by the newer one", async () => {
    const { node, host } = await running();
    await under.as.node.stop({ nodeId: node.nodeId });
    await under.as.node.start({ nodeId: node.nodeId });
    await under.as.node.stop({ nodeId: node.nodeId });
    assert.deepEqual(await finishCommands(host), ["stop"]);
    await under.as.node.start({ nodeId: node.nodeId });
    await under.as.node.delete({ nodeId: node.nodeId });
    assert.deepEqual(await finishCommands(host), ["delete"]);
    await assert.rejects(under.as.node.get({ nodeId: node.nodeId }), /Node not found/);
  });

  test("a node that was stopped before it was made is not started", async () => {
    const { node, host } = await launch("host");
    const [create] = await takeCommands(host);
    await under.as.node.stop({ nodeId: node.nodeId });
    await host.as.command.update({ commandId: create?.commandId ?? "", exitCode: CommandExitCode.OK });
    assert.deepEqual(await finishCommands(host), ["stop"]);
    await remove(node.nodeId);
  });

  test("a command belongs to its host: no other acknowledges, answers or reads it", async () => {
    const { node, host } = await launch("host");
    const [, other] = hosts;
    assert.ok(other);
    const { commands } = await host.as.command.pending({ hostId: host.hostId });
    const commandId = commands[0]?.commandId ?? "";
    await assert.rejects(other.as.command.ack({ commandId }), /\[permission_denied\]/);
    await assert.rejects(other.as.command.update({ commandId, exitCode: CommandExitCode.OK }), /\[permission_denied\]/);
    await assert.rejects(other.as.command.pending({ hostId: host.hostId }), /\[permission_denied\]/);
    await assert.rejects(
      other.as.metrics.node({ metrics: [{ nodeId: node.nodeId, height: 666n }] }),
      /\[not_found\] Not found\./,
    );
    await assert.rejects(
      other.as.crypt.getSecret({
        resource: { resourceType: ResourceType.NODE, resourceId: node.nodeId },
        key: "some-secret",
      }),
      /\[permission_denied\]/,
    );
    assert.equal((await nodeOf(node.nodeId)).blockHeight, undefined);
    await remove(node.nodeId);
  });

  test("metrics never bring back a node that goes, and one unknown node does not lose the others", async () => {
    const { node, host } = await running();
    await under.as.node.delete({ nodeId: node.nodeId });
    const [deletion] = await takeCommands(host);
    const metrics = [
      { nodeId: node.nodeId, height: 5n, nodeStatus: { state: NodeState.RUNNING } },
      { nodeId: orgId, height: 1n },
    ];
    await assert.rejects(host.as.metrics.node({ metrics }), /\[not_found\]/);
    await host.as.node.reportStatus({
      nodeId: node.nodeId,
      configId: node.configId,
      status: { state: NodeState.RUNNING },
    });
    const seen = await nodeOf(node.nodeId);
    assert.deepEqual([seen.nodeStatus?.state, seen.blockHeight], [NodeState.DELETING, 5n]);
    await host.as.command.update({ commandId: deletion?.commandId ?? "", exitCode: CommandExitCode.OK });
  });

  test("updating: only dynamic properties, the host gets all values, a failure brings the old configuration back", async () => {
    const { node, host } = await running();
    const { nodeId } = node;
    const update = (key: string, value: string) => under.as.node.updateConfig({ nodeId, newValues: [{ key, value }] });
    await assert.rejects(update("network", "sepolia"), /\[failed_precondition\] property\.key: network-sepolia/);
    await assert.rejects(
      update("nonsense", "x"),
      /\[invalid_argument\] new_values: there is no property 'nonsense'; the image has moniker, auth-token, metrics, network/,
    );
    await update("moniker", "renamed");
    const [command] = await takeCommands(host);
    const payload = command?.command.value?.command;
    assert.ok(payload?.case === "update");
    assert.notEqual(payload.value.configId, node.configId);
    assert.deepEqual(
      payload.value.newValues.map(({ key, value }) => [key, value]),
      [
        ["moniker", "renamed"],
        ["auth-token", ""],
        ["metrics-off", "off"],
        ["network-mainnet", "mainnet"],
      ],
    );
    await host.as.command.update({
      commandId: command?.commandId ?? "",
      exitCode: CommandExitCode.NOT_SUPPORTED,
      exitMessage: "too old",
    });
    const restored = await nodeOf(nodeId);
    assert.deepEqual([restored.configId, restored.reports[0]?.message], [node.configId, "update failed: too old"]);
    await remove(nodeId);
  });

  test("passwords reach the host and who may change them, not keys that may only look", async () => {
    const { node, host } = await launch("host", [{ key: "auth-token", value: "hunter2" }]);
    const secretIn = (config: typeof node.config) =>
      config?.image?.values.find(({ key }) => key === "auth-token")?.value;
    const [command] = await takeCommands(host);
    const payload = command?.command.value?.command;
    assert.ok(payload?.case === "create");
    assert.equal(secretIn(payload.value.node?.config), "hunter2");
    const resource = { resourceType: ResourceType.ORG, resourceId: orgId };
    const { apiKey } = await under.as.apiKey.create({ label: "look", resource, permissions: ["node-get"] });
    const { clients } = await import("../testing/clients.ts");
    const looking = await clients(under.api.url, apiKey).node.get({ nodeId: node.nodeId });
    assert.equal(secretIn(looking.node?.config), "********");
    assert.equal(secretIn((await nodeOf(node.nodeId)).config), "hunter2");
    await host.as.command.update({ commandId: command?.commandId ?? "", exitCode: CommandExitCode.OK });
    await finishCommands(host);
    await remove(node.nodeId);
  });

  test("nodes follow an image that becomes public: newer build, newer version, never another major or a private one", async () => {
    const { node, host } = await running();
    const { nodeId } = node;
    const steady = await running();
    await under.as.node.updateConfig({ nodeId: steady.node.nodeId, autoUpgrade: false });
    await finishCommands(steady.host);

    const build = await pushBuild(under.as, protocolVersionId);
    assert.equal((await nodeOf(nodeId)).imageId, build);
    assert.equal((await nodeOf(steady.node.nodeId)).imageId, imageId);
    assert.deepEqual(await finishCommands(host), ["upgrade"]);

    await pushVersion(under.as, versionKey, "2.0.0");
    assert.equal((await nodeOf(nodeId)).imageId, build);
    const minor = await pushVersion(under.as, versionKey, "1.1.0");
    const upgraded = await nodeOf(nodeId);
    assert.deepEqual([upgraded.imageId, upgraded.semanticVersion], [minor.imageId, "1.1.0"]);
    await finishCommands(host);
    await remove(nodeId);
    await remove(steady.node.nodeId);
  });

  const report = async (host: RegisteredHost, nodeId: string, state: NodeState) =>
    host.as.node.reportStatus({ nodeId, configId: (await nodeOf(nodeId)).configId, status: { state } });
  const stateOf = async (nodeId: string) => (await nodeOf(nodeId)).nodeStatus?.state;
  /** An upgrade that its host has not seen yet. */
  const upgrading = async (from: NodeState) => {
    const { node, host } = await running();
    const { nodeId } = node;
    if (from !== NodeState.RUNNING) await report(host, nodeId, from);
    const { imageId: before } = await nodeOf(nodeId);
    await pushBuild(under.as, protocolVersionId);
    const { commands } = await host.as.command.pending({ hostId: host.hostId });
    assert.deepEqual(commands.map(kindOf), ["upgrade"]);
    const commandId = commands[0]?.commandId ?? "";
    return {
      ...{ nodeId, host, before },
      ack: () => host.as.command.ack({ commandId }),
      update: (exitCode: CommandExitCode) => host.as.command.update({ commandId, exitCode, exitMessage: "no" }),
    };
  };

  test("an acknowledgement that comes late changes nothing that the host has said since", async () => {
    const early = await upgrading(NodeState.RUNNING);
    await report(early.host, early.nodeId, NodeState.FAILED);
    await early.ack();
    assert.equal(await stateOf(early.nodeId), NodeState.FAILED);
    await early.update(CommandExitCode.OK);
    assert.equal(await stateOf(early.nodeId), NodeState.FAILED);
    await remove(early.nodeId);

    const { node, host } = await running();
    const { nodeId } = node;
    await under.as.node.stop({ nodeId });
    const { commands } = await host.as.command.pending({ hostId: host.hostId });
    const commandId = commands[0]?.commandId ?? "";
    await host.as.command.update({ commandId, exitCode: CommandExitCode.OK });
    await host.as.command.ack({ commandId });
    assert.equal(await stateOf(nodeId), NodeState.RUNNING, "the result was there before: the status report follows it");
    await remove(nodeId);
  });

  test("a failed upgrade fails the node, unless the host has said since that it recovered", async () => {
    for (const acked of [true, false]) {
      const broken = await upgrading(NodeState.RUNNING);
      if (acked) await broken.ack();
      await broken.update(CommandExitCode.NODE_UPGRADE_FAILURE);
      assert.equal(await stateOf(broken.nodeId), NodeState.FAILED);
      await remove(broken.nodeId);
    }
    const recovered = await upgrading(NodeState.RUNNING);
    await recovered.ack();
    assert.equal(await stateOf(recovered.nodeId), NodeState.UPGRADING);
    await report(recovered.host, recovered.nodeId, NodeState.RUNNING);
    await recovered.update(CommandExitCode.NODE_UPGRADE_FAILURE);
    assert.equal(await stateOf(recovered.nodeId), NodeState.RUNNING);
    await remove(recovered.nodeId);
  });

  test("an upgrade that was rolled back leaves the node as it was before: stopped when it was stopped", async () => {
    for (const state of [NodeState.STOPPED, NodeState.RUNNING]) {
      const upgrade = await upgrading(state);
      await upgrade.ack();
      await upgrade.update(CommandExitCode.NODE_UPGRADE_ROLLBACK);
      const { nodeStatus, imageId: now } = await nodeOf(upgrade.nodeId);
      assert.deepEqual([nodeStatus?.state, now], [state, upgrade.before]);
      await remove(upgrade.nodeId);
    }
  });

  test("every node that was made is gone, and so is what it held", async () => {
    const { total } = await under.as.node.list({ orgIds: [orgId] });
    assert.equal(total, 0n);
    const { hosts: listed } = await under.as.host.listHosts({ orgIds: [orgId], limit: 10n });
    assert.deepEqual(
      listed.flatMap((host) => host.ipAddresses.filter((ip) => ip.assigned)),
      [],
    );
  });
});
