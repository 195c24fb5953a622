import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { CommandExitCode } from "@blockvisor/wire/blockjoy/v1/command";
import { type Node as ApiNode, NodeServiceGetRequestSchema } from "@blockvisor/wire/blockjoy/v1/node";
import { ArchiveVerb, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { PutSecretRequest } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { create } from "@bufbuild/protobuf";
import { amendConfigFile } from "../config/load-config.ts";
import { type ApiProcess, pushImage, startApiProcess, versionKey } from "../testbed/api-process.ts";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  pluginPath,
  startDaemonProcess,
  type TestRoot,
} from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

describe("in cloud mode", () => {
  let api: ApiProcess;
  let root: TestRoot;
  let daemon: DaemonProcess;
  let nodeId: string;
  let secondImageId: string;

  before(async () => {
    api = await startApiProcess();
    root = await makeRoot();
    const { net_conf: network } = JSON.parse(await readFile(root.paths.config, "utf8"));
    const subnet = network.host_ip.replace(/\.1$/, "");
    const host = await api.registerHost("cloud-test", { hostIp: network.host_ip, ips: [`${subnet}.2`, `${subnet}.3`] });
    await amendConfigFile(root.paths, {
      mode: undefined,
      id: host.id,
      private_org_id: api.orgId,
      token: host.token,
      refresh_token: host.refreshToken,
      blockjoy_api_url: api.url,
    });
    await pushImage(api.admin, "1.0.0", await makeTestImage(root.paths.root, "1.0.0"));
    daemon = await startDaemonProcess(root);
  });

  after(async () => {
    if (daemon?.process.exitCode === null) {
      for (const { id } of (await daemon.client.listNodes({ local: true })).nodes) {
        await finish(daemon.client.deleteNode({ node: id, local: true }));
      }
      await daemon.stop();
    }
    await root?.remove();
    await api?.remove();
  });

  const apiNode = async (): Promise<ApiNode | undefined> =>
    (await api.admin.node.get(create(NodeServiceGetRequestSchema, { nodeId }))).node;
  const status = async (): Promise<NodeStatus> => (await daemon.client.getNode({ node: nodeId })).status;
  const data = (name: string): Promise<string> => readFile(join(root.paths.nodes, nodeId, "data", name), "utf8");
  const explain = async (): Promise<unknown> => ({
    log: daemon.log().split("\n").slice(-30),
    commands: (await api.admin.command.list({ nodeId })).commands.map(({ command, exitCode, exitMessage }) => ({
      kind: command.case === "node" ? command.value.command.case : command.case,
      exitCode,
      exitMessage,
    })),
  });
  const commandResults = async (): Promise<unknown[]> => {
    const { commands } = await api.admin.command.list({ nodeId });
    return commands
      .map(({ command, exitCode }) => [command.case === "node" ? command.value.command.case : "host", exitCode])
      .reverse();
  };

  const startsOfService = async (): Promise<number> => (await data("starts")).trim().split("\n").length;

  test("tokens leave the configuration, and nobody else can read them", async () => {
    const config = JSON.parse(await readFile(root.paths.config, "utf8"));
    assert.deepEqual([config.token, config.refresh_token, config.blockjoy_api_url], [undefined, undefined, api.url]);
    const info = await daemon.client.getInfo({});
    assert.deepEqual([info.name, info.devMode, info.apiUrl], ["blockvisord", false, api.url]);
    await until(async () => {
      const { conditions } = await daemon.client.getInfo({});
      return conditions.filter(({ name, ok }) => ok && ["api", "mqtt"].includes(name)).length === 2;
    }, explain);
  });

  test("a node that is asked of the daemon is made by the API's commands, and runs", async () => {
    const { node } = await daemon.client.createNode({
      ...versionKey,
      properties: { color: "blue" },
      tags: ["from-bv"],
    });
    nodeId = node?.id ?? "";
    assert.equal(node?.remote, true);
    await until(async () => (await status()) === NodeStatus.RUNNING, explain);
    assert.equal((await daemon.client.runFunction({ node: nodeId, function: "color" })).value, "blue");
    // Its secrets are not this machine's.
    await assert.rejects(daemon.client.recordPlugin({ node: nodeId }), {
      message: /functions of dev nodes only are recorded/,
    });
    // Nobody has told the host which of them are passwords (S14).
    const shown = await Promise.all([
      daemon.client.getNode({ node: nodeId }),
      daemon.client.getNode({ node: nodeId, showValues: true }),
    ]);
    assert.deepEqual(
      shown.map(({ properties }) => properties),
      [{ color: "***" }, { color: "blue" }],
    );
    await until(async () => (await apiNode())?.nodeStatus?.state === NodeState.RUNNING, explain);
    assert.deepEqual(await commandResults(), [
      ["create", CommandExitCode.OK],
      ["start", CommandExitCode.OK],
    ]);
  });

  test("the group's members are told of protocols, and have this machine reported, without the host's login (DB-2.12)", async () => {
    const { protocols } = await daemon.client.listProtocols({ limit: 10n });
    assert.deepEqual(
      protocols.map(({ key }) => key),
      [versionKey.protocolKey],
    );
    const { hostId } = await daemon.client.reportHost({});
    assert.equal(hostId, (await daemon.client.getInfo({})).hostId);
    assert.equal((await daemon.client.getVersion({})).version, (await daemon.client.getInfo({})).version);
    const { hosts } = await api.admin.hostFacts.listFacts({ hostIds: [hostId] });
    const [{ facts } = assert.fail()] = hosts;
    assert.equal(facts?.kernel, release());
    assert.match(String(facts?.runtimes.find(({ program }) => program === "crun")?.version), /^\d+\.\d+/);
  });

  test("a plugin finds secrets of the node, of its org and of the platform, and with its next call what they were changed to", async () => {
    const key = "shared-key";
    const found = async () => (await daemon.client.runFunction({ node: nodeId, function: "secret", param: key })).value;
    const { secretStore } = api.admin;
    const put = (scope: PutSecretRequest["scope"], text: string) =>
      secretStore.putSecret({ scope, key, value: Buffer.from(text) });
    assert.match((await failureOf(found())).message, /not_found/);
    await put({ case: "platform", value: true }, "of the platform");
    assert.equal(await found(), "of the platform");
    await put({ case: "orgId", value: api.orgId }, "of the org");
    assert.equal(await found(), "of the org");
    await put({ case: "orgId", value: api.orgId }, "changed");
    assert.equal(await found(), "changed");
    await put({ case: "nodeId", value: nodeId }, "of its own");
    assert.equal(await found(), "of its own");
  });

  test("its container cannot give it another plugin, and so other archives (D1-07)", async () => {
    const inNode = join(root.paths.nodes, nodeId, "rootfs", pluginPath);
    const original = await readFile(inNode, "utf8");
    await writeFile(inNode, original.replace("fn color(", "fn stolen("));
    await daemon.client.reloadPlugin({ node: nodeId });
    assert.equal((await daemon.client.runFunction({ node: nodeId, function: "color" })).value, "blue");
  });

  test("stop, start and restart go through the API", async () => {
    for await (const { event } of daemon.client.stopNode({ node: nodeId })) assert.equal(event.case, "requested");
    await until(async () => (await status()) === NodeStatus.STOPPED, explain);
    await until(async () => (await apiNode())?.nodeStatus?.state === NodeState.STOPPED, explain);
    await until(async () => (await apiNode())?.nodeStatus?.protocol?.state === "stopped", explain);
    for await (const { event } of daemon.client.startNode({ node: nodeId })) assert.equal(event.case, "requested");
    await until(async () => (await apiNode())?.nodeStatus?.state === NodeState.RUNNING, explain);
    assert.equal(await data("inits"), "1.0.0\n");
    const origins: string[] = [];
    for await (const { kind, operation, origin } of daemon.client.listNodeEvents({ node: nodeId })) {
      if (kind === "begin" && operation === "stop") origins.push(origin);
    }
    // Log lines of what a command does have its id, too.
    const done =
      daemon
        .log()
        .split("\n")
        .find((line) => line.includes('"step":"stop_container"')) ?? "{}";
    assert.deepEqual(origins, [`api:${JSON.parse(done).command}`]);
  });

  test("changed parameters reach the running node (T-30)", async () => {
    await api.admin.node.updateConfig({ nodeId, newValues: [{ key: "color", value: "red" }] });
    const color = async (): Promise<string> =>
      (await daemon.client.runFunction({ node: nodeId, function: "color" })).value;
    await until(async () => (await color()) === "red", explain);
    // Its service has them, too; nothing else was touched.
    await until(async () => (await startsOfService()) === 3, explain);
    assert.deepEqual([await data("inits"), await data("prepared")], ["1.0.0\n", "1.0.0\n"]);
  });

  test("a command that is cut by kill -9 takes effect once", async () => {
    // Once by create, once by stop and start, once for the changed parameters.
    await until(async () => (await status()) === NodeStatus.RUNNING && (await startsOfService()) === 3, explain);
    await daemon.stop();
    daemon = await startDaemonProcess(root, { BV_FAILPOINT: "done.start_container" });
    await api.admin.node.restart({ nodeId });
    assert.equal(await daemon.ended, "SIGKILL");
    daemon = await startDaemonProcess(root);
    await until(async () => (await commandResults()).at(-1)?.toString() === `restart,${CommandExitCode.OK}`, explain);
    await until(async () => (await startsOfService()) > 3, explain);
    assert.deepEqual([await status(), await startsOfService()], [NodeStatus.RUNNING, 4]);
  });

  test("commands given while the daemon and then the API were away are done when both are back", async () => {
    await daemon.stop();
    await api.admin.node.stop({ nodeId });
    await api.stop();
    daemon = await startDaemonProcess(root);
    assert.equal(await status(), NodeStatus.RUNNING);
    await finish(daemon.client.restartNode({ node: nodeId, local: true }));
    await api.start();
    await until(async () => (await status()) === NodeStatus.STOPPED, explain);
    await until(async () => (await apiNode())?.nodeStatus?.state === NodeState.STOPPED, explain);
    // And the API hears of what was done without it.
    const reports = async () => (await apiNode())?.reports.map(({ message }) => message).join() ?? "";
    await until(async () => /^restart on host .*, without the control plane$/.test(await reports()), explain);
  });

  test("an upgrade exchanges the image and keeps data and identity", async () => {
    secondImageId = await pushImage(api.admin, "2.0.0", await makeTestImage(root.paths.root, "2.0.0"));
    await api.admin.node.start({ nodeId });
    await until(async () => (await status()) === NodeStatus.RUNNING, explain);
    for await (const { event } of daemon.client.upgradeNode({ node: nodeId })) assert.equal(event.case, "requested");
    await until(async () => (await daemon.client.getNode({ node: nodeId })).image?.version === "2.0.0", explain);
    await until(async () => (await status()) === NodeStatus.RUNNING, explain);
    assert.equal((await daemon.client.runFunction({ node: nodeId, function: "version" })).value, "2.0.0");
    assert.equal((await daemon.client.getNode({ node: nodeId })).image?.id, secondImageId);
    assert.deepEqual((await data("inits")).trim().split("\n").at(-1), "2.0.0");
  });

  test("a rollback brings the old version back here, and reports go on", async () => {
    const back = await finish(daemon.client.rollbackNode({ node: nodeId }));
    assert.deepEqual([back.status, back.image?.version], [NodeStatus.RUNNING, "1.0.0"]);
    for await (const { event } of daemon.client.stopNode({ node: nodeId })) assert.equal(event.case, "requested");
    await until(async () => (await apiNode())?.nodeStatus?.state === NodeState.STOPPED, explain);
  });

  test("archives are the daemon's to ask for, and data of a stopped node its to work on (DB-2.12)", async () => {
    assert.deepEqual((await daemon.client.listArchives({})).archives, []);
    await until(async () => (await status()) === NodeStatus.STOPPED, explain);
    const fetch = async (storeKey: string): Promise<unknown[]> => {
      const said: unknown[] = [];
      const outputs = daemon.client.operateArchive({ node: nodeId, verb: ArchiveVerb.FETCH, storeKey });
      for await (const { output } of outputs) {
        said.push(output.case === "line" ? JSON.parse(output.value) : output.value?.status);
      }
      return said;
    };
    await assert.rejects(fetch("--data=/etc"), { rawMessage: /^store_key is no name/ });
    assert.deepEqual(await fetch("test-main-v1"), [{ event: "result", kind: "absent" }, 1]);
    assert.match(daemon.log(), new RegExp(`"method":"operateArchive",.*"node":"${nodeId}"`));
  });

  test("a node that cannot be created is not here, and says why", async () => {
    await pushImage(api.admin, "9.0.0", "oci:/nowhere:latest");
    const { node } = await daemon.client.createNode({ ...versionKey, version: "9.0.0" });
    const doomed = node?.id ?? "";
    await until(async () => (await daemon.client.getNode({ node: doomed })).problem !== undefined, explain);
    const { remote, problem } = await daemon.client.getNode({ node: doomed });
    assert.deepEqual([remote, problem?.code], [true, "command_failed"]);
    assert.match(problem?.message ?? "", /nowhere/);
    for await (const { event } of daemon.client.deleteNode({ node: doomed })) assert.equal(event.case, "requested");
  });

  test("who asks for an upgrade that is under way is told when it is over", async () => {
    const waiting = 'commands: ["until [ -e /blockjoy/go ]; do sleep 0.05; done", ';
    const plugin = script("3.0.0").replace("commands: [", waiting);
    await pushImage(api.admin, "3.0.0", await makeTestImage(root.paths.root, "3.0.0", plugin));
    await api.admin.node.start({ nodeId });
    await until(async () => (await status()) === NodeStatus.RUNNING, explain);
    const request = { node: nodeId, version: "3.0.0" };
    for await (const { event } of daemon.client.upgradeNode(request)) assert.equal(event.case, "requested");
    await until(async () => (await daemon.client.getNode({ node: nodeId })).image?.version === "3.0.0", explain);
    const told: unknown[] = [];
    for await (const { event } of daemon.client.upgradeNode(request)) {
      if (event.case === "done") told.push(event.value.status, event.value.image?.version);
      else told.push(event.case);
      await writeFile(join(root.paths.nodes, nodeId, "data/go"), "");
    }
    assert.deepEqual(told, ["progress", NodeStatus.RUNNING, "3.0.0"]);
  });

  test("deleting leaves nothing here and nothing at the API, also while another command hangs", async () => {
    const plugin = script("4.0.0").replace("commands: [", 'commands: ["sleep 1000", ');
    await pushImage(api.admin, "4.0.0", await makeTestImage(root.paths.root, "4.0.0", plugin));
    const request = { node: nodeId, version: "4.0.0" };
    for await (const { event } of daemon.client.upgradeNode(request)) assert.equal(event.case, "requested");
    await until(async () => (await daemon.client.getNode({ node: nodeId })).image?.version === "4.0.0", explain);
    const asked = daemon.client.upgradeNode(request)[Symbol.asyncIterator]();
    assert.equal((await asked.next()).value.event.case, "progress");
    for await (const { event } of daemon.client.deleteNode({ node: nodeId })) assert.equal(event.case, "requested");
    assert.equal((await failureOf(asked.next())).code, "cancelled");
    await until(async () => (await daemon.client.listNodes({ local: false })).nodes.length === 0, explain);
    await until(
      async () => (await tracesOf(root.paths, nodeId)).length === 0,
      () => tracesOf(root.paths, nodeId),
    );
  });
});
