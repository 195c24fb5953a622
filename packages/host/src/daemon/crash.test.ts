import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { JobState, type Node, NodeStatus, type OperationEvent } from "@blockvisor/wire/blockvisor/host/v1/host";
import { linkNames } from "../network/names.ts";
import { nodePaths } from "../place/paths.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";
import { type CutPoint, courseOf, cutPointsOf, type Operation, operations } from "./cut-points.ts";

/**
 * The crash matrix (spec host-daemon §11.1): the daemon is killed at every place of every operation. The next daemon must bring the node to
 * what was asked for, with nothing lost, repeated or left behind.
 *
 * One death cuts many nodes, each at its own place. The default run takes one part of all places, another one each day; BV_CRASH_PART=n
 * takes part n, BV_CRASH_ALL=1 all of them (about eight minutes), BV_CRASH_ONLY=restart all of one operation.
 */
const parts = 32;
const today = Math.floor(Date.now() / 86_400_000) % parts;
const part = Number(process.env["BV_CRASH_PART"] ?? today);
const only = process.env["BV_CRASH_ONLY"];
const everywhere = process.env["BV_CRASH_ALL"] !== undefined || only !== undefined;
const perDeath = 9;

/** Until all have got to their places; on a machine under load a node takes half a minute to come up. */
const patienceMs = 300_000;

interface Victim {
  readonly cut: CutPoint;
  readonly id: string;
  readonly title: string;
}

const victims: readonly Victim[] = operations
  .flatMap(cutPointsOf)
  .filter(({ operation }, index) => (only === undefined ? everywhere || index % parts === part : operation === only))
  .map((cut) => ({ cut, id: randomUUID(), title: `${cut.operation}, ${cut.name}` }));

const run = promisify(execFile);
let root: TestRoot;
let daemon: DaemonProcess;
let images: Readonly<Record<"first" | "second" | "failing", string>>;

before(async () => {
  root = await makeRoot();
  const folder = root.paths.root;
  images = {
    first: await makeTestImage(folder, "1.0.0", onceOnly(script("1.0.0"))),
    second: await makeTestImage(folder, "2.0.0", onceOnly(script("2.0.0"))),
    failing: await makeTestImage(folder, "3.0.0", 'fn init() { throw "no way" }'),
  };
  await mkdir(join(folder, "elsewhere"));
});

after(() => root.remove());

/** With an init job that must run once in the life of the data. */
function onceOnly(plugin: string): string {
  return plugin.replace('/blockjoy/prepared" }', '/blockjoy/prepared", one_time: true }');
}

/** What is done with a node, in its own daemon. */
const deeds: Readonly<Record<Operation, (id: string) => Promise<unknown>>> = {
  create: (id) => finish(createNode(id, false)),
  "create and start": (id) => finish(createNode(id, true)),
  "create that fails": (id) => finish(createNode(id, true, images.failing)),
  start: (node) => finish(daemon.client.startNode({ node })),
  stop: (node) => finish(daemon.client.stopNode({ node })),
  "stop with force": (node) => finish(daemon.client.stopNode({ node, force: true })),
  restart: (node) => finish(daemon.client.restartNode({ node })),
  upgrade: (node) => finish(daemon.client.upgradeDevNode({ node, imageUri: images.second, imageVersion: "2.0.0" })),
  "upgrade when stopped": (node) => deeds.upgrade(node),
  "upgrade that fails": (node) =>
    finish(daemon.client.upgradeDevNode({ node, imageUri: images.failing, imageVersion: "3.0.0" })),
  rollback: (node) => finish(daemon.client.rollbackNode({ node })),
  "move data": (node) => finish(daemon.client.moveNodeData({ node, directory: join(root.paths.root, "elsewhere") })),
  clone: async (id) => {
    const source = randomUUID();
    await finish(createNode(source, true));
    await finish(daemon.client.cloneNode({ node: source, id, stop: true }));
  },
  delete: (node) => finish(daemon.client.deleteNode({ node })),
  "recover babel": async (id) => process.kill((await agentOf(id)).pid, "SIGKILL"),
  "recover the container": async (node) => process.kill((await daemon.client.getNode({ node })).pid ?? 0, "SIGKILL"),
  "restart of the daemon": async () => {},
  "update of parameters": async (id) => {
    // As the update makes it durable before its first step.
    const path = nodePaths(root.paths, id).state;
    const state = JSON.parse(await readFile(path, "utf8"));
    const operation = { id: randomUUID(), kind: "update", since: Date.now() };
    const change = { properties: { color: "red" }, initialized: false, reconfigure: true, operation };
    await writeFile(path, JSON.stringify({ ...state, ...change }));
  },
  "reboot of the machine": async (id) => {
    const { directory } = nodePaths(root.paths, id);
    const { init } = JSON.parse(await readFile(join(directory, "container.json"), "utf8"));
    process.kill(init.pid, "SIGKILL");
    await run("ip", ["netns", "delete", linkNames(id).namespace]);
    await run("umount", ["--lazy", join(directory, "rootfs")]);
  },
};

function createNode(id: string, start: boolean, imageUri = images.first): AsyncIterable<OperationEvent> {
  return daemon.client.createDevNode({
    id,
    imageKey: { protocolKey: "test", variantKey: "test-main" },
    imageVersion: "1.0.0",
    imageUri,
    vm: { memoryMb: 1000n },
    properties: { color: "green" },
    start,
  });
}

async function agentOf(id: string): Promise<{ readonly pid: number }> {
  return JSON.parse(await readFile(nodePaths(root.paths, id).agentRecord, "utf8")).process;
}

/** Kills a daemon in which each of these nodes has got to its place, and starts the next. */
async function die(together: readonly Victim[], attach: boolean): Promise<void> {
  const places = together.map(({ id, cut }) => `${id}/${cut.name}@${cut.pass}`).join(",");
  const armed = { BV_FAILPOINT: places };
  daemon = await startDaemonProcess(root, attach ? {} : armed);
  const doomed = Promise.all(
    together.map(async ({ id, cut }) => {
      for (const operation of courseOf(cut.operation).before) {
        await deeds[operation](id);
        if (operation === "create and start") await isPrepared(id);
      }
      if (!attach) await deeds[cut.operation](id);
    }),
  );
  if (attach) {
    await doomed;
    await daemon.kill();
    for (const { id, cut } of together) await deeds[cut.operation](id);
    daemon = await startDaemonProcess(root, armed, { wait: false });
  } else doomed.catch(() => {});
  const patience = new AbortController();
  const late = pause(patienceMs, "late" as const, { signal: patience.signal }).catch(() => "late" as const);
  const end = await Promise.race([daemon.ended, late]);
  patience.abort();
  if (end !== "SIGKILL") await daemon.kill();
  const missed = places.split(",").filter((place) => !daemon.log().includes(`held at ${place.split("@")[0]},`));
  assert.equal(
    end,
    "SIGKILL",
    `places that were not reached: ${missed.join(", ")}\n${daemon.log().split("\n").slice(-60).join("\n")}`,
  );
  daemon = await startDaemonProcess(root);
}

const get = (node: string): Promise<Node> => daemon.client.getNode({ node });
const data = (id: string, name: string): Promise<string> =>
  readFile(join(nodePaths(root.paths, id).data, name), "utf8");
const lines = async (id: string, name: string): Promise<string[]> => (await data(id, name)).trim().split("\n");

/** An interrupted one-time job is not run again; that is not what is tested here. */
const isPrepared = (id: string): Promise<void> =>
  until(async () => (await daemon.client.getJob({ node: id, job: "prepare" })).state === JobState.FINISHED);

async function isRunning(id: string, version: string): Promise<void> {
  const node = await get(id);
  assert.deepEqual(
    [node.status, node.image?.version, node.operation],
    [NodeStatus.RUNNING, version, undefined],
    node.problem?.message,
  );
  await until(
    async () => (await daemon.client.getJob({ node: id, job: "web" })).state === JobState.RUNNING,
    () => daemon.client.listJobs({ node: id }),
  );
}

async function isStopped(id: string, version = "1.0.0"): Promise<void> {
  const node = await get(id);
  assert.deepEqual(
    [node.status, node.pid, node.operation, node.image?.version],
    [NodeStatus.STOPPED, undefined, undefined, version],
  );
}

/** Only an init that was cut before it was recorded may have run twice; what one-time jobs did is never done again. */
async function wasInitialized(id: string, versions: readonly string[], cut: CutPoint): Promise<void> {
  const inits = await lines(id, "inits");
  assert.deepEqual(cut.name === "done.initialize" ? [...new Set(inits)] : inits, versions);
  await isPrepared(id);
  assert.deepEqual(await lines(id, "prepared"), ["1.0.0"]);
}

/** What must be true of a node whatever the place at which it was cut. */
const outcomes: Readonly<Record<Operation, (victim: Victim) => Promise<void>>> = {
  create: ({ id }) => isStopped(id),
  "create and start": async ({ id, cut }) => {
    await isRunning(id, "1.0.0");
    await wasInitialized(id, ["1.0.0"], cut);
  },
  "create that fails": (victim) => outcomes.delete(victim),
  start: (victim) => outcomes["create and start"](victim),
  stop: async ({ id }) => {
    await isStopped(id);
    assert.deepEqual(await lines(id, "inits"), ["1.0.0"]);
  },
  "stop with force": (victim) => outcomes.stop(victim),
  restart: async (victim) => {
    await outcomes["create and start"](victim);
    // Once before and once after the restart, unless the job was not running yet.
    assert.ok((await lines(victim.id, "starts")).length <= 2);
  },
  upgrade: async ({ id, cut }) => {
    await isRunning(id, "2.0.0");
    await wasInitialized(id, ["1.0.0", "2.0.0"], cut);
    assert.equal((await get(id)).previousImage?.version, "1.0.0");
  },
  "upgrade when stopped": async ({ id }) => isStopped(id, "2.0.0"),
  "upgrade that fails": async ({ id, cut }) => {
    await isRunning(id, "1.0.0");
    await wasInitialized(id, ["1.0.0"], cut);
    const { problem, previousImage } = await get(id);
    assert.deepEqual([problem?.code, previousImage], ["upgrade_rolled_back", undefined]);
    assert.match(problem?.message ?? "", /no way/);
  },
  rollback: async ({ id, cut }) => {
    await isRunning(id, "1.0.0");
    await wasInitialized(id, ["1.0.0", "2.0.0"], cut);
    assert.equal((await get(id)).previousImage?.version, "2.0.0");
  },
  "move data": async ({ id, cut }) => {
    await isRunning(id, "1.0.0");
    await wasInitialized(id, ["1.0.0"], cut);
    assert.equal(await readlink(nodePaths(root.paths, id).data), join(root.paths.root, "elsewhere", id));
  },
  clone: async ({ id }) => {
    await isStopped(id);
    assert.deepEqual(await lines(id, "inits"), ["1.0.0"]);
  },
  delete: async ({ id }) => {
    const { nodes } = await daemon.client.listNodes({ local: true });
    assert.ok(!nodes.some((node) => node.id === id));
  },
  "recover babel": (victim) => outcomes["create and start"](victim),
  "recover the container": (victim) => outcomes["create and start"](victim),
  "restart of the daemon": async (victim) => {
    await outcomes["create and start"](victim);
    assert.equal((await lines(victim.id, "starts")).length, 1);
  },
  "update of parameters": async ({ id }) => {
    await isRunning(id, "1.0.0");
    assert.ok((await lines(id, "inits")).length >= 2);
    assert.equal((await daemon.client.runFunction({ node: id, function: "color" })).value, "red");
  },
  "reboot of the machine": (victim) => outcomes["create and start"](victim),
};

const batches = [false, true].flatMap((attach) => {
  const those = victims.filter(({ cut }) => Boolean(courseOf(cut.operation).attach) === attach);
  return Array.from({ length: Math.ceil(those.length / perDeath) }, (_, index) => ({
    attach,
    // Every n-th, so that the operations are mixed.
    together: those.filter((__, at) => at % Math.ceil(those.length / perDeath) === index),
  }));
});

for (const [index, { attach, together }] of batches.entries()) {
  const share = everywhere ? "all places" : `part ${part} of ${parts}`;
  describe(`death ${index + 1} of ${batches.length} (${share})`, () => {
    before(() => die(together, attach));

    for (const victim of together) {
      test(`${victim.title}: is as it was asked for`, () => outcomes[victim.cut.operation](victim));
    }

    test("and nothing is left of them", async () => {
      const { nodes } = await daemon.client.listNodes({ local: true });
      await Promise.all(nodes.map(({ id }) => finish(daemon.client.deleteNode({ node: id }))));
      for (const { id } of together) {
        const traces = (): Promise<string[]> => tracesOf(root.paths, id);
        await until(async () => (await traces()).length === 0, traces);
      }
      await daemon.stop();
    });
  });
}
