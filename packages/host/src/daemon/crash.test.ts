import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { JobState, NodeStatus, type OperationEvent } from "@blockvisor/wire/blockvisor/host/v1/host";
import { nodePaths } from "../place/paths.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/**
 * The crash matrix (spec host-daemon §11.1): the daemon is killed at every step of an operation, before it, after its effect but before that
 * is durable, and after that. The next daemon must bring the node to what was asked for, with nothing lost, repeated or left behind.
 */
const steps = {
  create: ["prepare_directory", "pull_image", "mount_rootfs", "load_plugin", "finish_create"],
  start: [
    ...["serve_engine", "set_up_network", "apply_firewall", "start_container"],
    ...["start_agent", "configure_agent", "initialize", "mark_started"],
  ],
  stop: ["stop_jobs", "stop_container", "close_engine", "tear_down_network"],
  restart: ["stop_jobs", "stop_container", "turn_around", "start_container", "start_agent"],
  upgrade: [
    ...["pull_target", "begin_switch", "stop_jobs", "stop_container", "switch_content", "mount_rootfs", "load_plugin"],
    ...["start_container", "start_agent", "configure_agent", "initialize", "mark_started", "finish_upgrade"],
  ],
  delete: ["stop_jobs", "stop_container", "tear_down_network", "unmount_rootfs", "discard"],
} as const satisfies Record<string, readonly string[]>;

type Operation = keyof typeof steps;

/** The default run cuts where it hurts most: between an effect and its record. BV_CRASH_ALL=1 cuts everywhere (about ten minutes). */
const everywhere = process.env["BV_CRASH_ALL"] !== undefined;
const worst: Readonly<Record<Operation, readonly string[]>> = {
  create: ["done.mount_rootfs"],
  start: ["done.start_container", "done.initialize"],
  stop: ["done.stop_container"],
  restart: ["done.turn_around"],
  upgrade: ["done.switch_content", "done.initialize"],
  delete: ["done.unmount_rootfs"],
};

const cuts = (operation: Operation): readonly string[] =>
  everywhere
    ? steps[operation].flatMap((step) => ["before", "done", "after"].map((moment) => `${moment}.${step}`))
    : worst[operation];

// Cgroups are named after nodes: two runs on one machine must not share one.
const nodeId = randomUUID();

let root: TestRoot;
let first: string;
let second: string;
let daemon: DaemonProcess;

before(async () => {
  root = await makeRoot();
  first = await makeTestImage(root.paths.root, "1.0.0");
  second = await makeTestImage(root.paths.root, "2.0.0");
});

after(async () => {
  await root.remove();
});

const operations: Readonly<Record<Operation, () => AsyncIterable<OperationEvent>>> = {
  create: () =>
    daemon.client.createDevNode({
      id: nodeId,
      name: "victim",
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri: first,
      vm: { memoryMb: 1000n },
    }),
  start: () => daemon.client.startNode({ node: nodeId }),
  stop: () => daemon.client.stopNode({ node: nodeId }),
  restart: () => daemon.client.restartNode({ node: nodeId }),
  upgrade: () => daemon.client.upgradeDevNode({ node: nodeId, imageUri: second, imageVersion: "2.0.0" }),
  delete: () => daemon.client.deleteNode({ node: nodeId }),
};

/** Does `prepare`, then `operation` with a daemon that dies at `cut`, and starts another one. */
async function crash(cut: string, prepare: readonly Operation[], operation: Operation): Promise<void> {
  const step = cut.slice(cut.indexOf(".") + 1);
  const passes = prepare.filter((before) => (steps[before] as readonly string[]).includes(step)).length;
  daemon = await startDaemonProcess(root, { BV_FAILPOINT: `${cut}@${passes + 1}` });
  for (const before of prepare) await finish(operations[before]());
  await finish(operations[operation]()).catch(() => {});
  assert.equal(await daemon.ended, "SIGKILL", `the daemon was not cut at ${cut}: ${daemon.log()}`);
  daemon = await startDaemonProcess(root);
}

async function cleanUp(): Promise<void> {
  await finish(operations.delete()).catch(() => {});
  await until(
    async () => (await tracesOf(root.paths, nodeId)).length === 0,
    () => tracesOf(root.paths, nodeId),
  );
  await daemon.stop();
}

const data = (name: string): Promise<string> => readFile(join(nodePaths(root.paths, nodeId).data, name), "utf8");

async function isRunning(version: string): Promise<void> {
  const node = await daemon.client.getNode({ node: nodeId });
  assert.deepEqual(
    [node.status, node.image?.version, node.operation, node.problem],
    [NodeStatus.RUNNING, version, undefined, undefined],
  );
  await until(async () => (await daemon.client.getJob({ node: nodeId, job: "web" })).state === JobState.RUNNING);
}

async function isStopped(): Promise<void> {
  const node = await daemon.client.getNode({ node: nodeId });
  assert.deepEqual([node.status, node.pid, node.operation], [NodeStatus.STOPPED, undefined, undefined]);
}

describe("a daemon that is killed while a node is created", () => {
  for (const cut of cuts("create")) {
    test(`at ${cut} finishes it with the next start`, async () => {
      await crash(cut, [], "create");
      await isStopped();
      await finish(operations.start());
      await isRunning("1.0.0");
      await cleanUp();
    });
  }
});

describe("a daemon that is killed while a node is started", () => {
  for (const cut of cuts("start")) {
    test(`at ${cut} finishes it with the next start`, async () => {
      await crash(cut, ["create"], "start");
      await isRunning("1.0.0");
      // Only an init that was cut before it was recorded may have run twice.
      if (!cut.endsWith("initialize")) assert.equal(await data("inits"), "1.0.0\n");
      await cleanUp();
    });
  }
});

describe("a daemon that is killed while a node is stopped", () => {
  for (const cut of cuts("stop")) {
    test(`at ${cut} finishes it with the next start`, async () => {
      await crash(cut, ["create", "start"], "stop");
      await isStopped();
      await finish(operations.start());
      assert.equal(await data("inits"), "1.0.0\n");
      await cleanUp();
    });
  }
});

describe("a daemon that is killed while a node is restarted", () => {
  for (const cut of cuts("restart")) {
    test(`at ${cut} has it running with the next start`, async () => {
      await crash(cut, ["create", "start"], "restart");
      await isRunning("1.0.0");
      assert.equal(await data("inits"), "1.0.0\n");
      await cleanUp();
    });
  }
});

describe("a daemon that is killed while a running node is upgraded", () => {
  for (const cut of cuts("upgrade")) {
    test(`at ${cut} has the new version running with the next start`, async () => {
      await crash(cut, ["create", "start"], "upgrade");
      await isRunning("2.0.0");
      const inits = (await data("inits")).trim().split("\n");
      assert.deepEqual([...new Set(inits)], ["1.0.0", "2.0.0"]);
      await cleanUp();
    });
  }
});

describe("a daemon that is killed while a running node is deleted", () => {
  for (const cut of cuts("delete")) {
    test(`at ${cut} has nothing left of it with the next start`, async () => {
      await crash(cut, ["create", "start"], "delete");
      assert.deepEqual((await daemon.client.listNodes({ local: true })).nodes, []);
      await until(
        async () => (await tracesOf(root.paths, nodeId)).length === 0,
        () => tracesOf(root.paths, nodeId),
      );
      await daemon.stop();
    });
  }
});
