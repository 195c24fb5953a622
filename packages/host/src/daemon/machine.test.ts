import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type CreateDevNodeRequest, JobState, type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { linkNames } from "../network/names.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/** What nodes survive: the loss of the machine, of parts of it, and neighbours on the network. */
const run = promisify(execFile);
let root: TestRoot;
let daemon: DaemonProcess;
let first: string;
let second: string;

before(async () => {
  root = await makeRoot({ recovery: { check_secs: 2, agent_timeout_secs: 8 } });
  first = await makeTestImage(root.paths.root, "1.0.0");
  second = await makeTestImage(root.paths.root, "2.0.0");
  daemon = await startDaemonProcess(root);
});

after(async () => {
  await Promise.all((await list()).map(({ id }) => finish(daemon.client.deleteNode({ node: id }))));
  await daemon.stop();
  await root.remove();
});

const list = async (): Promise<readonly Node[]> => (await daemon.client.listNodes({ local: true })).nodes;
const get = (node: string): Promise<Node> => daemon.client.getNode({ node });
const data = (node: Node, name: string): Promise<string> => readFile(join(node.directory, "data", name), "utf8");
const isWebUp = (node: string): Promise<void> =>
  until(async () => (await daemon.client.getJob({ node, job: "web" })).state === JobState.RUNNING);

function create(name: string, change: Partial<Omit<CreateDevNodeRequest, "$typeName">> = {}): Promise<Node> {
  return finish(
    daemon.client.createDevNode({
      name,
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri: first,
      vm: { memoryMb: 1000n },
      properties: { color: "green" },
      start: true,
      ...change,
    }),
  );
}

const remove = (node: string): Promise<Node> => finish(daemon.client.deleteNode({ node }));

const isGone = (id: string): Promise<void> =>
  until(
    async () => (await tracesOf(root.paths, id)).length === 0,
    () => tracesOf(root.paths, id),
  );

describe("addresses", () => {
  const foreign = `bv-foreign-${process.pid}`;
  const link = `x${process.pid}`;

  after(async () => {
    await run("ip", ["netns", "delete", foreign]).catch(() => {});
    await run("ip", ["link", "delete", link]).catch(() => {});
  });

  test("that another machine on the bridge answers for are not chosen, and refused when asked for", async () => {
    const near = await create("near", { start: false });
    const others = (await daemon.client.getInfo({})).freeIps.slice(0, 2);
    await run("ip", ["netns", "add", foreign]);
    await run("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", foreign]);
    await run("ip", ["link", "set", link, "master", root.bridge, "up"]);
    await run("ip", ["-netns", foreign, "address", "add", `${others[0]}/24`, "dev", "eth0"]);
    await run("ip", ["-netns", foreign, "link", "set", "eth0", "up"]);
    await until(async () => (await readFile(`/sys/class/net/${link}/brport/state`, "utf8")).trim() === "3");
    const chosen = await create("chosen", { start: false });
    assert.equal(chosen.ip, others[1]);
    const refused = await failureOf(create("asked", { ip: others[0] ?? "" }));
    assert.equal(refused.code, "network_address_taken");
    assert.deepEqual((await list()).map(({ name }) => name).toSorted(), ["chosen", "near"]);
    await Promise.all([remove(near.id), remove(chosen.id)]);
  });
});

describe("the machine", () => {
  test("goes down with its nodes, and those that ran run again; the stopped ones stay stopped", async () => {
    const [ran, rested] = await Promise.all([create("ran"), create("rested")]);
    await isWebUp("ran");
    await finish(daemon.client.stopNode({ node: "rested" }));
    await finish(daemon.client.upgradeDevNode({ node: "rested", imageUri: second, imageVersion: "2.0.0" }));
    await daemon.kill();
    // What a power cut takes: processes, mounts, links and everything in /run.
    process.kill(ran.pid ?? 0, "SIGKILL");
    await until(async () => !(await tracesOf(root.paths, ran.id)).some((trace) => trace.startsWith("process")));
    for (const { id, directory } of [ran, rested]) {
      await run("umount", [join(directory, "rootfs")]);
      await run("ip", ["netns", "delete", linkNames(id).namespace]).catch(() => {});
    }
    await run("ip", ["link", "delete", root.bridge]);
    await rm(root.paths.runDirectory, { recursive: true });
    daemon = await startDaemonProcess(root);
    await isWebUp("ran");
    assert.deepEqual(
      [(await get("ran")).status, (await get("rested")).status, (await get("rested")).image?.version],
      [NodeStatus.RUNNING, NodeStatus.STOPPED, "2.0.0"],
    );
    assert.equal(await data(ran, "inits"), "1.0.0\n");
    await remove("rested");
  });

  test("loses a mount, a link or babel's answers, and the node comes back", async () => {
    const node = await get("ran");
    const isBack = (reason: string): Promise<void> =>
      until(async () => {
        let seen = false;
        for await (const { kind, message } of daemon.client.listNodeEvents({ node: "ran" }))
          seen ||= kind === "found" && message === reason;
        return seen && (await get("ran")).status === NodeStatus.RUNNING;
      });
    await run("umount", ["--lazy", join(node.directory, "rootfs")]);
    await isBack("the root file system is not mounted");
    await run("ip", ["link", "delete", linkNames(node.id).hostInterface]);
    await isBack("the network is gone");
    const { process: babel } = JSON.parse(await readFile(join(node.directory, "agent.json"), "utf8"));
    process.kill(babel.pid, "SIGSTOP");
    await isBack("babel does not answer");
    await isWebUp("ran");
    assert.equal(await data(node, "inits"), "1.0.0\n");
  });

  test("is rid of what is left of a node whose directory somebody removed", async () => {
    const node = await get("ran");
    await daemon.kill();
    await run("umount", ["--lazy", join(node.directory, "rootfs")]);
    await rm(node.directory, { recursive: true });
    assert.notDeepEqual(await tracesOf(root.paths, node.id), []);
    daemon = await startDaemonProcess(root);
    await isGone(node.id);
  });

  test("keeps the bridge while nodes are on it, and loses it when the daemon ends without any", async () => {
    const hasBridge = (): Promise<boolean> =>
      access(`/sys/class/net/${root.bridge}`).then(
        () => true,
        () => false,
      );
    await create("bridged");
    await daemon.stop();
    assert.equal(await hasBridge(), true);
    daemon = await startDaemonProcess(root);
    await remove("bridged");
    await daemon.stop();
    assert.equal(await hasBridge(), false);
    daemon = await startDaemonProcess(root);
  });
});
