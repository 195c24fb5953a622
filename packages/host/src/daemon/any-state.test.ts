import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { lstat, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Node, NodeStatus, type OperationEvent } from "@blockvisor/wire/blockvisor/host/v1/host";
import fc from "fast-check";
import { nodePaths } from "../place/paths.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/**
 * Whatever was done with a node, and wherever it stands in it, it can be stopped and deleted: random sequences of operations, some of them
 * interrupted, against a real daemon, compared with a model of three facts. BV_SEQUENCES=n runs more, BV_SEED repeats a run.
 */
const sequences = Number(process.env["BV_SEQUENCES"] ?? 2);
const seed = Number(process.env["BV_SEED"] ?? Date.now() % 2 ** 31);

interface Model {
  status: NodeStatus;
  version: string;
  /** What a rollback brings. */
  previous: string | undefined;
}

let root: TestRoot;
let daemon: DaemonProcess;
let elsewhere: string;
const images = new Map<string, string>();

before(async () => {
  root = await makeRoot({ recovery: { check_secs: 2, agent_timeout_secs: 10 } });
  elsewhere = join(root.paths.root, "elsewhere");
  await mkdir(elsewhere);
  for (const version of ["1.0.0", "2.0.0"]) images.set(version, await makeTestImage(root.paths.root, version));
  images.set("bad", await makeTestImage(root.paths.root, "bad", 'fn init() { throw "no way" }'));
  daemon = await startDaemonProcess(root);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await root.remove();
});

const { RUNNING, STOPPED } = NodeStatus;
const get = (node: string): Promise<Node> => daemon.client.getNode({ node });
const upgrade = (node: string, imageVersion: string): AsyncIterable<OperationEvent> =>
  daemon.client.upgradeDevNode({ node, imageVersion, imageUri: images.get(imageVersion) ?? "" });
const other = (version: string): string => (version === "1.0.0" ? "2.0.0" : "1.0.0");

type Deed = (id: string, model: Model) => Promise<void>;

/** Each does something with a node, and says what that makes of it. */
const deeds = {
  start: async (node, model) => {
    await finish(daemon.client.startNode({ node }));
    model.status = RUNNING;
  },
  stop: async (node, model) => {
    await finish(daemon.client.stopNode({ node }));
    model.status = STOPPED;
  },
  "stop with force": async (node, model) => {
    await finish(daemon.client.stopNode({ node, force: true }));
    model.status = STOPPED;
  },
  restart: async (node, model) => {
    await finish(daemon.client.restartNode({ node }));
    model.status = RUNNING;
  },
  upgrade: async (node, model) => {
    await finish(upgrade(node, other(model.version)));
    model.previous = model.version;
    model.version = other(model.version);
  },
  "upgrade in vain": async (node, model) => {
    // A stopped node is not initialised by its upgrade, so nothing fails yet.
    if (model.status !== RUNNING) return;
    await assert.rejects(finish(upgrade(node, "bad")));
    model.previous = undefined;
  },
  rollback: async (node, model) => {
    const back = model.previous;
    if (back === undefined) return void (await assert.rejects(finish(daemon.client.rollbackNode({ node }))));
    await finish(daemon.client.rollbackNode({ node }));
    model.previous = model.version;
    model.version = back;
  },
  "move data": async (node) => {
    const { data } = nodePaths(root.paths, node);
    const isHome = (await lstat(data)).isDirectory();
    await finish(daemon.client.moveNodeData({ node, directory: isHome ? elsewhere : "" }));
  },
  "kill the container": async (node, model) => {
    const { pid } = await get(node);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await until(async () => (await get(node)).pid !== pid || model.status === STOPPED);
  },
  "kill babel": async (id) => {
    const record = await readFile(nodePaths(root.paths, id).agentRecord, "utf8").catch(() => undefined);
    const { pid } = (record === undefined ? undefined : JSON.parse(record).process) ?? {};
    if (pid !== undefined && (await get(id)).pid !== undefined) process.kill(pid, "SIGKILL");
  },
  "kill the daemon": async () => {
    await daemon.kill();
    daemon = await startDaemonProcess(root);
  },
} satisfies Record<string, Deed>;

/** Begun, and at their n-th step taken back by a stop. */
const interruptible = {
  start: (node: string) => daemon.client.startNode({ node }),
  restart: (node: string) => daemon.client.restartNode({ node }),
  upgrade: (node: string, model: Model) => upgrade(node, other(model.version)),
  rollback: (node: string) => daemon.client.rollbackNode({ node }),
  "move data": (node: string) => daemon.client.moveNodeData({ node, directory: elsewhere }),
} satisfies Record<string, (node: string, model: Model) => AsyncIterable<OperationEvent>>;

type Action =
  | { readonly kind: "do"; readonly deed: keyof typeof deeds }
  | { readonly kind: "interrupt"; readonly deed: keyof typeof interruptible; readonly step: number };

const names = <T extends object>(table: T): (keyof T)[] => Object.keys(table) as (keyof T)[];
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("do" as const), deed: fc.constantFrom(...names(deeds)) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("interrupt" as const),
      deed: fc.constantFrom(...names(interruptible)),
      step: fc.integer({ min: 0, max: 12 }),
    }),
  },
);

async function reachStep(events: AsyncIterable<OperationEvent>, step: number): Promise<void> {
  let begun = 0;
  for await (const { event } of events) {
    if (event.case !== "step" || event.value.finished) continue;
    if (begun === step) return;
    begun += 1;
  }
}

async function perform(id: string, model: Model, todo: Action): Promise<void> {
  if (todo.kind === "do") {
    await deeds[todo.deed](id, model);
  } else {
    const { status } = model;
    await reachStep(interruptible[todo.deed](id, model), todo.step).catch(() => {});
    await deeds.stop(id, model);
    // How far it got is its own affair; that it is stopped now, on one version or the other, is not.
    const { image, previousImage } = await get(id);
    assert.ok(["1.0.0", "2.0.0"].includes(image?.version ?? ""), `${status}: ${image?.version}`);
    model.version = image?.version ?? "";
    model.previous = previousImage?.version;
  }
  await until(
    async () => (await get(id)).status === model.status,
    () => get(id),
  );
  const { image, previousImage } = await get(id);
  assert.deepEqual([image?.version, previousImage?.version], [model.version, model.previous]);
}

test(`a node can be stopped and deleted whatever was done with it (seed ${seed})`, async () => {
  const property = fc.asyncProperty(
    fc.array(action, { minLength: 3, maxLength: 9 }),
    fc.integer({ min: 0, max: 14 }),
    async (actions, deletedAt) => {
      const id = randomUUID();
      const imageKey = { protocolKey: "test", variantKey: "test-main" };
      const imageUri = images.get("1.0.0") ?? "";
      const vm = { memoryMb: 1000n };
      await finish(daemon.client.createDevNode({ id, imageKey, imageUri, imageVersion: "1.0.0", vm }));
      const model: Model = { status: STOPPED, version: "1.0.0", previous: undefined };
      for (const todo of actions) await perform(id, model, todo);
      // Deleted in the middle of something.
      await reachStep(interruptible.restart(id), deletedAt).catch(() => {});
      await finish(daemon.client.deleteNode({ node: id }));
      await until(
        async () => (await tracesOf(root.paths, id)).length === 0,
        () => tracesOf(root.paths, id),
      );
    },
  );
  // Shrinking would run for hours; the seed and the sequence tell enough.
  await fc.assert(property, { numRuns: sequences, seed, endOnFailure: true });
});
