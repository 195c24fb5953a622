import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { NodeStatus, ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { linkNames } from "../network/names.ts";
import { finish, startDaemonProcess } from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { NodeBench } from "../testbed/node-bench.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/** What nodes survive: the loss of the machine, of parts of it, and neighbours on the network. */
const run = promisify(execFile);
let bench: NodeBench;

before(async () => {
  bench = await NodeBench.start();
});

after(() => bench.close());

describe("addresses", () => {
  const foreign = `bv-foreign-${process.pid}`;
  const link = `x${process.pid}`;

  after(async () => {
    await run("ip", ["netns", "delete", foreign]).catch(() => {});
    await run("ip", ["link", "delete", link]).catch(() => {});
  });

  test("that another machine on the bridge answers for are not chosen, and refused when asked for", async () => {
    const near = await bench.create("near", { start: false });
    const others = (await bench.client.getInfo({})).freeIps.slice(0, 2);
    await run("ip", ["netns", "add", foreign]);
    await run("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", foreign]);
    await run("ip", ["link", "set", link, "master", bench.root.bridge, "up"]);
    await run("ip", ["-netns", foreign, "address", "add", `${others[0]}/24`, "dev", "eth0"]);
    await run("ip", ["-netns", foreign, "link", "set", "eth0", "up"]);
    await until(async () => (await readFile(`/sys/class/net/${link}/brport/state`, "utf8")).trim() === "3");
    const chosen = await bench.create("chosen", { start: false });
    assert.equal(chosen.ip, others[1]);
    const refused = await failureOf(bench.create("asked", { ip: others[0] ?? "" }));
    assert.equal(refused.code, "network_address_taken");
    assert.deepEqual((await bench.list()).map(({ name }) => name).toSorted(), ["chosen", "near"]);
    await Promise.all([bench.remove(near.id), bench.remove(chosen.id)]);
  });
});

describe("the machine", () => {
  test("goes down with its nodes, and those that ran run again; the stopped ones stay stopped", async () => {
    const [ran, rested] = await Promise.all([bench.create("ran"), bench.create("rested")]);
    await bench.isWebUp("ran");
    await finish(bench.client.stopNode({ node: "rested" }));
    await finish(bench.client.upgradeDevNode({ node: "rested", imageUri: bench.second, imageVersion: "2.0.0" }));
    await bench.daemon.kill();
    // What a power cut takes: processes, mounts, links and everything in /run.
    process.kill(ran.pid ?? 0, "SIGKILL");
    await until(async () => !(await tracesOf(bench.root.paths, ran.id)).some((trace) => trace.startsWith("process")));
    for (const { id, directory } of [ran, rested]) {
      await run("umount", [join(directory, "rootfs")]);
      await run("ip", ["netns", "delete", linkNames(id).namespace]).catch(() => {});
    }
    await run("ip", ["link", "delete", bench.root.bridge]);
    await rm(bench.root.paths.runDirectory, { recursive: true });
    await bench.startNextDaemon();
    await bench.isWebUp("ran");
    assert.deepEqual(
      [(await bench.get("ran")).status, (await bench.get("rested")).status, (await bench.get("rested")).image?.version],
      [NodeStatus.RUNNING, NodeStatus.STOPPED, "2.0.0"],
    );
    assert.equal(await bench.data(ran, "inits"), "1.0.0\n");
    await bench.remove("rested");
  });

  test("loses a mount, a link or babel's answers, and the node comes back", async () => {
    const node = await bench.get("ran");
    const isBack = (reason: string): Promise<void> =>
      until(async () => {
        let seen = false;
        for await (const { kind, message } of bench.client.listNodeEvents({ node: "ran" }))
          seen ||= kind === "found" && message === reason;
        return seen && (await bench.get("ran")).status === NodeStatus.RUNNING;
      });
    await run("umount", ["--lazy", join(node.directory, "rootfs")]);
    await isBack("the root file system is not mounted");
    await run("ip", ["link", "delete", linkNames(node.id).hostInterface]);
    await isBack("the network is gone");
    const { process: babel } = JSON.parse(await readFile(join(node.directory, "agent.json"), "utf8"));
    process.kill(babel.pid, "SIGSTOP");
    await isBack("babel does not answer");
    await bench.isWebUp("ran");
    assert.equal(await bench.data(node, "inits"), "1.0.0\n");
  });

  test("is rid of what is left of a node whose directory somebody removed", async () => {
    const node = await bench.get("ran");
    await bench.daemon.kill();
    await run("umount", ["--lazy", join(node.directory, "rootfs")]);
    await rm(node.directory, { recursive: true });
    assert.notDeepEqual(await tracesOf(bench.root.paths, node.id), []);
    await bench.startNextDaemon();
    await bench.isGone(node.id);
  });

  test("is rid of a deleted node although its data's disk does not let go of them, and of the data when it does", async () => {
    const disk = join(bench.root.paths.root, "disk");
    const remount = (how: string): Promise<unknown> => run("mount", ["-o", `remount,${how}`, disk]);
    const trashProblem = async () => (await bench.client.getInfo({})).conditions.find(({ name }) => name === "trash");
    await mkdir(disk);
    await run("mount", ["-t", "tmpfs", "tmpfs", disk]);
    try {
      const node = await bench.create("clinging", { start: false });
      await finish(bench.client.moveNodeData({ node: node.id, directory: disk }));
      await remount("ro");
      await bench.remove(node.id);
      await until(async () => (await trashProblem())?.ok === false);
      // So that each start finds it again, and the daemon lives with that.
      await bench.daemon.stop();
      await bench.startNextDaemon();
      await until(async () => (await trashProblem())?.ok === false);
      assert.match((await trashProblem())?.message ?? "", /cannot be removed: .*Read-only file system/);
      await remount("rw");
      await bench.remove((await bench.create("next", { start: false })).id);
      await until(async () => (await trashProblem()) === undefined);
      const left = await Promise.all([readdir(disk, { recursive: true }), readdir(bench.root.paths.trash)]);
      assert.deepEqual(left, [["blockvisor-data"], []]);
    } finally {
      await run("umount", [disk]);
    }
  });

  test("has a daemon that is killed while a job ends in order; the next one goes on waiting", async () => {
    const ending =
      "echo begun >> /blockjoy/end; while [ ! -e /blockjoy/go ]; do sleep 0.1; done; echo clean >> /blockjoy/end; exit";
    const plugin = `fn init() { start_job("orderly", #{
      job_type: #{ run_sh: "trap '${ending}' TERM; echo up > /blockjoy/up; while :; do sleep 0.1; done" },
      restart: "never", shutdown_timeout_secs: 120 }) }`;
    const imageUri = await makeTestImage(bench.root.paths.root, "0.0.2", plugin);
    const node = await bench.create("orderly", { imageUri });
    await until(async () => (await bench.data(node, "up")) === "up\n");
    const cut = finish(bench.client.stopNode({ node: node.id })).catch(() => {});
    await until(async () => (await bench.data(node, "end")) === "begun\n");
    await bench.daemon.kill();
    await cut;
    // It serves before its nodes are attached, which takes as long as the job.
    bench.daemon = await startDaemonProcess(bench.root, {}, { wait: false });
    await until(async () => (await bench.get(node.id)).operation?.step === "stop_jobs");
    await writeFile(join(node.directory, "data/go"), "");
    await until(async () => (await bench.get(node.id)).status === NodeStatus.STOPPED);
    assert.equal(await bench.data(node, "end"), "begun\nclean\n");
    await bench.remove(node.id);
  });

  test("is rid of an image that no node has used for a week as soon as a daemon starts", async () => {
    const imageUri = await makeTestImage(bench.root.paths.root, "0.0.1");
    const { image, id } = await bench.create("old", { imageUri, start: false });
    await bench.remove(id);
    const record = join(bench.root.paths.images, "rootfs", image?.digest.slice("sha256:".length) ?? "", "image.json");
    const longAgo = new Date(Date.now() - 8 * 24 * 3600_000);
    await utimes(record, longAgo, longAgo);
    await bench.daemon.stop();
    await bench.startNextDaemon();
    await until(() =>
      access(record).then(
        () => false,
        () => true,
      ),
    );
  });

  test("tells when the state of a node cannot be written, until it can", async () => {
    const node = await bench.create("unwritable", { start: false });
    const state = join(node.directory, "state.json");
    const stateCondition = async () => (await bench.client.getInfo({})).conditions.find(({ name }) => name === "state");
    await rename(state, `${state}.aside`);
    await mkdir(join(state, "in the way"), { recursive: true });
    await failureOf(finish(bench.client.startNode({ node: node.id })));
    assert.match((await stateCondition())?.message ?? "", /^states of nodes \(1\) cannot be written: /);
    assert.equal((await bench.client.getInfo({})).status, ServiceStatus.BROKEN);
    await rm(state, { recursive: true });
    await rename(`${state}.aside`, state);
    await finish(bench.client.startNode({ node: node.id }));
    assert.equal(await stateCondition(), undefined);
    assert.equal((await bench.client.getInfo({})).status, ServiceStatus.OK);
    await bench.remove(node.id);
  });

  test("takes over a node whose state was repaired while it ran; one that still cannot be read keeps its address until it is deleted", async () => {
    const broken = await bench.create("unreadable");
    await bench.daemon.stop();
    const path = join(broken.directory, "state.json");
    const state = await readFile(path, "utf8");
    await writeFile(path, "{");
    await bench.startNextDaemon();
    const { name, status, problem } = await bench.get(broken.id.slice(0, 8));
    assert.deepEqual([name, status, problem?.code], [broken.id, NodeStatus.FAILED, "broken_node"]);
    assert.match(problem?.message ?? "", /state.json cannot be read: .*JSON/);
    const failure = await failureOf(finish(bench.client.stopNode({ node: broken.id })));
    assert.deepEqual([failure.code, /state.json cannot be read/.test(failure.hint)], ["broken_node", true]);
    await writeFile(path, state);
    await until(async () => (await bench.get("unreadable")).status === NodeStatus.RUNNING);
    assert.equal((await bench.get("unreadable")).pid, broken.pid);

    await bench.daemon.stop();
    // What is lost is only how it should be: it still has its name.
    await writeFile(path, state.replace('"ip":', '"pi":'));
    await bench.startNextDaemon();
    assert.deepEqual([(await bench.get("unreadable")).id, (await bench.get("unreadable")).pid], [broken.id, undefined]);
    const repair = (stateJson?: string) =>
      bench.client.repairNode({ node: "unreadable", ...(stateJson && { stateJson }) });
    const still = await failureOf(repair());
    assert.deepEqual([still.code, /still broken: .*: ip: /.test(still.message)], ["broken_node", true], still.message);
    const foreign = state.replace(broken.id, randomUUID());
    const refused = await Promise.all(["{", foreign].map((text) => failureOf(repair(text))));
    assert.deepEqual(
      refused.map(({ code, message }) => [code, /^the given state (cannot be read|belongs to)/.test(message)]),
      [
        ["invalid", true],
        ["invalid", true],
      ],
    );
    const { status: now, pid } = await repair(state);
    assert.deepEqual([now, pid], [NodeStatus.RUNNING, broken.pid]);
    assert.equal((await failureOf(repair(state))).code, "conflict");

    await bench.daemon.stop();
    await writeFile(path, state.slice(0, 100));
    await bench.startNextDaemon();
    assert.equal((await failureOf(bench.create("same", { ip: broken.ip }))).code, "conflict");
    const other = await bench.create("other");
    assert.deepEqual([other.status, other.ip === broken.ip], [NodeStatus.RUNNING, false]);
    await bench.remove("unreadable");
    await bench.isGone(broken.id);
    await until(async () => (await readdir(bench.root.paths.trash)).length === 0);
    assert.equal((await bench.create("heir", { ip: broken.ip, start: false })).ip, broken.ip);
    await Promise.all(["other", "heir"].map((name) => bench.remove(name)));
  });

  test("keeps the bridge while nodes are on it, and loses it when the daemon ends without any", async () => {
    const hasBridge = (): Promise<boolean> =>
      access(`/sys/class/net/${bench.root.bridge}`).then(
        () => true,
        () => false,
      );
    await bench.create("bridged");
    await bench.daemon.stop();
    assert.equal(await hasBridge(), true);
    await bench.startNextDaemon();
    await bench.remove("bridged");
    await bench.daemon.stop();
    assert.equal(await hasBridge(), false);
    await bench.startNextDaemon();
  });
});
