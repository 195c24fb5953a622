import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NextState, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { CommandExitCode, CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { type PutSecretRequest, Scope } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { pino } from "pino";
import { type ApiUnderTest, newUser, startApiUnderTest } from "./testing/api-under-test.ts";
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

type PutScope = PutSecretRequest["scope"];

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
    const logged: string[] = [];
    const log = pino({ level: "info" }, { write: (line) => void logged.push(line) });

    before(async () => {
      if (kind === "embedded") {
        under = await startApiUnderTest({ log });
      } else {
        const postgres = await startPostgres();
        cleanUp.unshift(postgres.stop);
        const mosquitto = await startMosquitto();
        cleanUp.unshift(mosquitto.stop);
        under = await startApiUnderTest({ databaseUrl: postgres.url, mqttUrl: mosquitto.url, log });
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

    test("a node finds its own secret, else its org's, else the platform's for its protocol; each in the state that it is in", async () => {
      const resource = { resourceType: ResourceType.NODE, resourceId: nodeId };
      const key = "validator-key";
      const found = async () => Buffer.from((await host.as.crypt.getSecret({ resource, key })).value).toString();
      const { secretStore } = under.as;
      const put = async (scope: PutScope, text: string, more = {}) =>
        (await secretStore.putSecret({ scope, key, value: Buffer.from(text), ...more })).version;
      const platform = { case: "platform", value: true } as const;
      const ofOrg = { case: "orgId", value: orgId } as const;
      const ofNode = { case: "nodeId", value: nodeId } as const;

      await assert.rejects(found(), /\[not_found\] Secret not found\./);
      await under.as.protocol.addProtocol({ key: "other-chain", name: "Other" });
      await put(platform, "s3cret of others", { protocolKeys: ["other-chain"] });
      await assert.rejects(found(), /\[not_found\]/);
      assert.deepEqual((await secretStore.listSecrets({ scope: ofNode })).secrets, []);
      assert.equal(await put(platform, "s3cret of all", { protocolKeys: ["other-chain", "test-chain"] }), 2);
      assert.equal(await found(), "s3cret of all");
      assert.equal(await put(ofOrg, "s3cret of the org"), 1);
      assert.equal(await found(), "s3cret of the org");
      await host.as.crypt.putSecret({ resource, key, value: Buffer.from("s3cret of its own") });
      assert.equal(await found(), "s3cret of its own");
      assert.equal(await put(ofNode, "s3cret from outside"), 2);
      assert.equal(await found(), "s3cret from outside");

      await put(platform, "s3cret", { key: "platform-key" });
      await put(ofOrg, "s3cret", { key: "org-key" });
      const list = async (scope: PutScope) =>
        (await secretStore.listSecrets({ scope })).secrets.map((secret) => {
          assert.ok(secret.updatedAt && Date.now() - timestampMs(secret.updatedAt) < 60_000);
          return [secret.key, Scope[secret.scope], secret.version, ...secret.protocolKeys];
        });
      assert.deepEqual(await list(ofNode), [
        ["org-key", "ORG", 1],
        ["platform-key", "PLATFORM", 1],
        [key, "NODE", 2],
      ]);
      assert.deepEqual(await list(ofOrg), [
        ["org-key", "ORG", 1],
        [key, "ORG", 1],
      ]);
      assert.deepEqual(await list(platform), [
        ["platform-key", "PLATFORM", 1],
        [key, "PLATFORM", 2, "other-chain", "test-chain"],
      ]);

      await secretStore.deleteSecret({ scope: ofNode, key });
      assert.equal(await found(), "s3cret of the org");
      await secretStore.deleteSecret({ scope: ofOrg, key });
      assert.equal(await found(), "s3cret of all");
      await assert.rejects(secretStore.deleteSecret({ scope: ofOrg, key }), /\[not_found\] Secret not found\./);
    });

    test("of two writers who expect the same version of a secret one is refused", async () => {
      const scope = { case: "orgId", value: orgId } as const;
      const put = async (expectedVersion?: number) => {
        const request = { scope, key: "shared-key", value: Buffer.of(1) };
        const { version } = await under.as.secretStore.putSecret(
          expectedVersion === undefined ? request : { ...request, expectedVersion },
        );
        return version;
      };
      await assert.rejects(put(1), /\[failed_precondition\] There is no such secret\./);
      assert.equal(await put(0), 1);
      await assert.rejects(put(0), /\[failed_precondition\] The secret has version 1\./);
      const both = await Promise.allSettled([put(1), put(1)]);
      assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      assert.equal(await put(2), 3);
      assert.equal(await put(), 4);
    });

    test("nobody gets at the secrets of another org, and no host at those of an org but by its nodes", async () => {
      const stranger = await newUser(under, "stranger@example.com");
      const key = "org-key";
      const ofOrg = { case: "orgId", value: orgId } as const;
      const ofNode = { case: "nodeId", value: nodeId } as const;
      const platform = { case: "platform", value: true } as const;
      const org = { resourceType: ResourceType.ORG, resourceId: orgId };
      const node = { resourceType: ResourceType.NODE, resourceId: nodeId };
      const { token } = await stranger.as.org.getProvisionToken({
        userId: stranger.userId,
        orgId: stranger.personalOrgId,
      });
      const { region } = await stranger.as.host.getRegion({ region: { case: "regionKey", value: "local" } });
      const machine = { name: "stranger", ips: ["10.9.1.10"], regionId: region?.regionId ?? "" };
      const strangersHost = await registerHost(under.api.url, token, machine);
      const value = Buffer.of(1);
      const denied = /\[permission_denied\]/;
      for (const { as } of [stranger, strangersHost, host]) {
        await assert.rejects(as.crypt.getSecret({ resource: org, key }), denied);
        await assert.rejects(as.crypt.putSecret({ resource: org, key, value }), denied);
        for (const scope of [ofOrg, ofNode, platform]) {
          await assert.rejects(as.secretStore.listSecrets({ scope }), denied);
          await assert.rejects(as.secretStore.putSecret({ scope, key, value }), denied);
          await assert.rejects(as.secretStore.deleteSecret({ scope, key }), denied);
        }
      }
      for (const { as } of [stranger, strangersHost]) {
        await assert.rejects(as.crypt.getSecret({ resource: node, key }), denied);
        await assert.rejects(as.crypt.putSecret({ resource: node, key, value }), denied);
      }
      // The people of the org read what belongs to it, and what belongs to the platform only its hosts.
      assert.equal(Buffer.from((await under.as.crypt.getSecret({ resource: org, key })).value).toString(), "s3cret");
      await assert.rejects(under.as.crypt.getSecret({ resource: node, key: "platform-key" }), /\[not_found\]/);
    });

    test("what is no secret is refused: keys, sizes, numbers, protocols, scopes", async () => {
      const scope = { case: "orgId", value: orgId } as const;
      const platform = { case: "platform", value: true } as const;
      const put = (request: object) =>
        under.as.secretStore.putSecret({ scope, key: "some-key", value: new Uint8Array(), ...request });
      await assert.rejects(put({ key: "Short" }), /\[invalid_argument\] key: 'Short' is not 6 to 128 characters/);
      await assert.rejects(put({ value: new Uint8Array(65_537) }), /\[resource_exhausted\] A secret has at most 65536/);
      await assert.rejects(
        put({ protocolKeys: ["test-chain"] }),
        /\[invalid_argument\] protocol_keys: are the platform's/,
      );
      await assert.rejects(put({ scope: platform, protocolKeys: ["no-chain"] }), /there is no protocol 'no-chain'/);
      await assert.rejects(
        put({ scope: { case: "platform", value: false } }),
        /\[invalid_argument\] scope: is an org, a/,
      );
      // Numbers are counted alike in either store.
      if (kind === "embedded") return;
      const { secrets } = await under.as.secretStore.listSecrets({ scope });
      const others = Array.from({ length: 100 - secrets.length }, (_, number) => `secret-${number}`);
      await Promise.all(others.map((key) => put({ key })));
      await assert.rejects(put({ key: "one-too-many" }), /\[resource_exhausted\] A resource has at most 100 secrets\./);
      await put({ key: "secret-0", value: Buffer.of(2) });
    });

    test("every read of a secret is in the log, with who and what, and no value is", () => {
      const entries = logged.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "secret read");
      const read = (of: string, version: number, by = host.hostId) => [of, version, by];
      assert.deepEqual(
        entries.map(({ of, version, by }) => [of, version, by.id]),
        [
          ...[read("platform", 2), read("org", 1), read("node", 1), read("node", 2), read("org", 1)],
          ...[read("platform", 2), read("org", 1, under.admin.userId)],
        ],
      );
      assert.deepEqual(entries[0].resource, { kind: "node", id: nodeId });
      assert.ok(!logged.some((line) => /s3cret|c3NjcmV0/.test(line)));
    });

    test("a host tells of its machine; whoever may look at the host sees it, and nothing that harms a screen is taken", async () => {
      const { hostId } = host;
      const facts = {
        kernel: "6.12.0-amd64",
        runtimes: [{ program: "crun", version: "1.21" }],
        gpus: [{ address: "0000:01:00.0", name: "NVIDIA H100 PCIe" }],
      };
      const listed = async (as = under.as) =>
        (await as.hostFacts.listFacts({ hostIds: [hostId] })).hosts.map((one) => ({
          hostId: one.hostId,
          kernel: one.facts?.kernel,
          runtimes: one.facts?.runtimes.map(({ program, version }) => ({ program, version })),
          gpus: one.facts?.gpus.map(({ address, name }) => ({ address, name })),
        }));
      assert.deepEqual(await listed(), []);
      await host.as.hostFacts.reportFacts({ hostId, facts });
      assert.deepEqual(await listed(), [{ hostId, ...facts }]);
      const next = { ...facts, kernel: "6.12.1-amd64", gpus: [] };
      await host.as.hostFacts.reportFacts({ hostId, facts: next });
      assert.deepEqual(await listed(host.as), [{ hostId, ...next }]);
      const report = (change: object) => host.as.hostFacts.reportFacts({ hostId, facts: { ...facts, ...change } });
      const hidden = /\[invalid_argument\] facts\.\S+: has characters that are not to be shown/;
      for (const text of ["\u001b[2J", "a\nb", "a\u202eb", "a\u200bb", "\u2028"]) {
        await assert.rejects(report({ kernel: text }), hidden);
        await assert.rejects(report({ runtimes: [{ program: "crun", version: text }] }), hidden);
        await assert.rejects(report({ gpus: [{ address: "", name: text }] }), hidden);
      }
      await assert.rejects(report({ kernel: "k".repeat(129) }), /facts\.kernel: has 129 characters/);
      await assert.rejects(report({ gpus: new Array(65).fill(facts.gpus[0]) }), /facts\.gpus: are more than 64/);
      await assert.rejects(report({ runtimes: new Array(17).fill(facts.runtimes[0]) }), /are more than 16/);
      await assert.rejects(under.as.hostFacts.reportFacts({ hostId, facts }), /\[permission_denied\]/);
      assert.deepEqual(await listed(), [{ hostId, ...next }]);
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
