import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NextState, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { CommandExitCode, CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { fromBinary } from "@bufbuild/protobuf";
import { type ApiUnderTest, startApiUnderTest } from "./testing/api-under-test.ts";
import { imageRequest, versionKey } from "./testing/catalogue.ts";
import { clients } from "./testing/clients.ts";
import {
  connectHost,
  finishCommands,
  type HostConnection,
  kindOf,
  type RegisteredHost,
  registerHost,
  takeCommands,
} from "./testing/fake-host.ts";
import { startMosquitto } from "./testing/mosquitto.ts";
import { startPostgres } from "./testing/postgres.ts";

const nibPermissions = [
  ...["update-protocol", "update-version", "add-protocol", "add-version", "view-private"].map(
    (name) => `protocol-admin-${name}`,
  ),
  ...[
    "view-public",
    "view-development",
    "get-protocol",
    "get-latest",
    "list-protocols",
    "list-variants",
    "list-versions",
  ].map((name) => `protocol-${name}`),
  ...["get", "add", "list-archives", "update-archive", "update-image"].map((name) => `image-admin-${name}`),
];

for (const kind of ["embedded", "PostgreSQL and Mosquitto"] as const) {
  describe(`from login to a running node (${kind})`, () => {
    let under: ApiUnderTest;
    let host: RegisteredHost;
    let connection: HostConnection;
    const cleanUp: (() => Promise<void>)[] = [];
    let imageId = "";
    let orgId = "";
    let nodeId = "";

    before(async () => {
      if (kind === "embedded") {
        under = await startApiUnderTest();
      } else {
        const postgres = await startPostgres();
        cleanUp.unshift(postgres.stop);
        const mosquitto = await startMosquitto();
        cleanUp.unshift(mosquitto.stop);
        under = await startApiUnderTest({ databaseUrl: postgres.url, mqttUrl: mosquitto.url });
      }
    });
    after(async () => {
      await connection?.mqtt.endAsync(true);
      await under?.close();
      for (const stop of cleanUp) await stop();
    });

    test("nib signs in: login, then an API key for the user", async () => {
      const { apiKey } = await under.as.apiKey.create({
        label: "nib_token",
        resource: { resourceType: ResourceType.USER, resourceId: under.admin.userId },
        permissions: nibPermissions,
      });
      assert.match(apiKey, /^api_[\w-]{22}_[\w-]{27}$/);
      const nib = clients(under.api.url, apiKey);
      assert.deepEqual((await nib.protocol.listProtocols({ limit: 10n })).protocols, []);

      await assert.rejects(
        nib.protocol.getProtocol({ protocol: { case: "protocolKey", value: "test-chain" } }),
        /Protocol not found/,
      );
      const { protocol } = await nib.protocol.addProtocol({ key: "test-chain", name: "Test Chain" });
      await nib.protocol.updateProtocol({ protocolId: protocol?.protocolId ?? "", visibility: Visibility.PUBLIC });
      await assert.rejects(
        nib.protocol.getLatest({ versionKey }),
        /No versions found for test-chain\/client-mainnet-full/,
      );
      const { version } = await nib.protocol.addVersion({ versionKey, semanticVersion: "1.0.0", skuCode: "SKU" });
      const protocolVersionId = version?.protocolVersionId ?? "";
      await nib.protocol.updateVersion({ protocolVersionId, visibility: Visibility.PUBLIC });
      await assert.rejects(nib.image.getImage({ versionKey, semanticVersion: "1.0.0" }), /\[not_found\]/);
      const added = await nib.image.addImage(imageRequest(protocolVersionId));
      assert.equal(added.image?.buildVersion, 1n);
      assert.deepEqual(added.archives.map((archive) => archive.storeKey).sort(), [
        "test-chain-mainnet-v1",
        "test-chain-sepolia-v1",
      ]);
      imageId = added.image?.imageId ?? "";
      await nib.image.updateImage({ imageId, visibility: Visibility.PUBLIC });
      const again = await nib.image.addImage(imageRequest(protocolVersionId));
      assert.equal(again.image?.buildVersion, 2n, "a second build of the same version");
      const latest = await nib.image.getImage({ versionKey });
      assert.equal(latest.image?.buildVersion, 2n);
      assert.equal(latest.image?.visibility, Visibility.PRIVATE);
    });

    test("bvup registers a host with a provision token", async () => {
      const { orgs } = await under.as.org.list({ memberId: under.admin.userId, limit: 10n });
      orgId = orgs[0]?.orgId ?? "";
      const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
      const { region } = await clients(under.api.url).host.getRegion({ region: { case: "regionKey", value: "local" } });
      host = await registerHost(under.api.url, token, {
        name: "machine-1",
        ips: ["10.9.0.10", "10.9.0.11"],
        regionId: region?.regionId ?? "",
      });
      const shown = await host.as.host.getHost({ hostId: host.hostId });
      assert.deepEqual(
        {
          org: shown.host?.orgId,
          tags: shown.host?.tags?.tags,
          ips: shown.host?.ipAddresses.map((ip) => [ip.ip, ip.assigned]),
        },
        {
          org: orgId,
          tags: [],
          ips: [
            ["10.9.0.10", false],
            ["10.9.0.11", false],
          ],
        },
      );
    });

    test("blockvisord finds the broker and says that it is online", async () => {
      const { notificationUrl } = await host.as.discovery.services({});
      assert.equal(notificationUrl, under.api.mqttUrl);
      connection = await connectHost(notificationUrl, host);
    });

    test("a node is created: command, notice, ack, result, start", async () => {
      const { nodes } = await under.as.node.create({
        orgId,
        imageId,
        launcher: { launch: { case: "byHost", value: { hostCounts: [{ hostId: host.hostId, nodeCount: 1 }] } } },
        newValues: [
          { key: "network", value: "sepolia" },
          { key: "metrics-on", value: "on" },
          { key: "moniker", value: "me" },
        ],
      });
      const node = nodes[0];
      assert.ok(node);
      nodeId = node.nodeId;
      assert.equal(node.ipAddress, "10.9.0.10");
      assert.equal(node.nodeStatus?.state, NodeState.STARTING);
      assert.equal(node.config?.vm?.memoryBytes, 1_500_000_000n);
      assert.equal(node.config?.image?.storeKey, "test-chain-sepolia-v1");
      assert.deepEqual(
        node.config?.image?.values.map(({ key, keyGroup, value }) => [keyGroup ?? key, value]),
        [
          ["moniker", "me"],
          ["auth-token", ""],
          ["metrics", "on"],
          ["network", "sepolia"],
        ],
      );

      const notice = await connection.notices.next();
      assert.equal(notice.topic, `/hosts/${host.hostId}/commands`);
      const announced = fromBinary(CommandSchema, notice.payload);
      const [create, ...rest] = await takeCommands(host);
      assert.deepEqual(rest, []);
      assert.equal(announced.commandId, create?.commandId);
      assert.equal(kindOf(create), "create");
      await host.as.command.update({ commandId: create?.commandId ?? "", exitCode: CommandExitCode.OK });
      await host.as.command.update({ commandId: create?.commandId ?? "", exitCode: CommandExitCode.OK });
      assert.deepEqual(await finishCommands(host), ["start"], "one start, however often the creation is reported");
      assert.deepEqual(await finishCommands(host), []);
    });

    test("the host reports what the node does", async () => {
      const { node } = await under.as.node.get({ nodeId });
      const configId = node?.configId ?? "";
      await assert.rejects(
        host.as.node.reportStatus({ nodeId, configId: orgId, status: { state: NodeState.RUNNING } }),
        /\[failed_precondition\] config_id/,
      );
      await host.as.node.reportStatus({
        nodeId,
        configId,
        status: { state: NodeState.RUNNING },
        p2pAddress: "enode://x",
      });
      await host.as.metrics.node({
        metrics: [{ nodeId, height: 7n, blockAge: 3n, jobs: [{ name: "node", status: 2 }] }],
      });
      await host.as.metrics.node({ metrics: [{ nodeId, height: 8n, jobs: [{ name: "monitor", status: 2 }] }] });
      const shown = (await under.as.node.get({ nodeId })).node;
      assert.deepEqual(
        [
          shown?.nodeStatus?.state,
          shown?.blockHeight,
          shown?.blockAge,
          shown?.p2pAddress,
          shown?.jobs.map((job) => job.name),
        ],
        [NodeState.RUNNING, 8n, 3n, "enode://x", ["node", "monitor"]],
      );
    });

    test("stop shows what is ahead, then what is", async () => {
      await under.as.node.stop({ nodeId });
      assert.equal((await under.as.node.get({ nodeId })).node?.nodeStatus?.next, NextState.STOPPING);
      assert.deepEqual(await finishCommands(host), ["stop"]);
      const status = (await under.as.node.get({ nodeId })).node?.nodeStatus;
      assert.deepEqual([status?.state, status?.next], [NodeState.STOPPED, undefined]);
    });

    test("an upgrade keeps the chosen network and is undone when the host rolls it back", async () => {
      const before = (await under.as.node.get({ nodeId })).node;
      const { image } = await under.as.image.getImage({ versionKey });
      assert.ok(image);
      assert.notEqual(image.imageId, imageId);
      await under.as.node.upgradeImage({ nodeIds: [nodeId], imageId: image.imageId });
      const upgraded = (await under.as.node.get({ nodeId })).node;
      assert.equal(upgraded?.imageId, image.imageId);
      assert.equal(upgraded?.config?.image?.values.find((value) => value.keyGroup === "network")?.value, "sepolia");
      assert.deepEqual(await finishCommands(host, CommandExitCode.NODE_UPGRADE_ROLLBACK, "plugin failed"), ["upgrade"]);
      const restored = (await under.as.node.get({ nodeId })).node;
      assert.deepEqual([restored?.imageId, restored?.configId], [before?.imageId, before?.configId]);
      assert.equal(restored?.reports[0]?.message, "upgrade failed: plugin failed");

      await under.as.node.upgradeImage({ nodeIds: [nodeId], imageId: image.imageId });
      assert.deepEqual(await finishCommands(host), ["upgrade"]);
      assert.equal((await under.as.node.get({ nodeId })).node?.imageId, image.imageId);
      await assert.rejects(
        under.as.node.upgradeImage({ nodeIds: [nodeId], imageId: image.imageId }),
        /\[already_exists\] image_id/,
      );
    });

    test("a node's secrets survive in encrypted form and go with it", async () => {
      const resource = { resourceType: ResourceType.NODE, resourceId: nodeId };
      await assert.rejects(host.as.crypt.getSecret({ resource, key: "validator-key" }), /\[not_found\]/);
      await host.as.crypt.putSecret({ resource, key: "validator-key", value: Buffer.from("s3cret") });
      assert.equal(
        Buffer.from((await host.as.crypt.getSecret({ resource, key: "validator-key" })).value).toString(),
        "s3cret",
      );
    });

    test("a deletion that fails keeps the node; one that succeeds frees its address", async () => {
      await under.as.node.delete({ nodeId });
      assert.deepEqual(await finishCommands(host, CommandExitCode.INTERNAL_ERROR, "busy"), ["delete"]);
      assert.equal((await under.as.node.get({ nodeId })).node?.nodeStatus?.state, NodeState.DELETING);
      await assert.rejects(under.as.node.start({ nodeId }), /being deleted/);
      const { commands } = await under.as.command.list({ nodeId });
      assert.deepEqual(commands.map((command) => [kindOf(command), command.exitCode]).slice(0, 2), [
        ["delete", undefined],
        ["delete", CommandExitCode.INTERNAL_ERROR],
      ]);
      const retried = commands[0]?.commandId ?? "";
      await host.as.command.update({ commandId: retried, exitCode: CommandExitCode.NODE_NOT_FOUND });
      await assert.rejects(under.as.node.get({ nodeId }), /\[not_found\] Node not found\./);
      const { host: shown } = await under.as.host.getHost({ hostId: host.hostId });
      assert.deepEqual(
        shown?.ipAddresses.map((ip) => ip.assigned),
        [false, false],
      );
    });

    test("a host refreshes its token", async () => {
      const open = clients(under.api.url);
      const renewed = await open.auth.refresh({ token: host.token, refresh: host.refresh });
      await clients(under.api.url, renewed.token).command.pending({ hostId: host.hostId });
      await open.auth.refresh({ token: renewed.token, refresh: renewed.refresh });
    });
  });
}
