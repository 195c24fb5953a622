import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { JobState, type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { unmount } from "../testbed/unmount.ts";
import { until } from "../testbed/until.ts";

/** What one node may do to the others and to the daemon: nothing. All live on a small disk of their own. */
let root: TestRoot;
let daemon: DaemonProcess;
let quiet: Node;
const diskBytes = 300_000_000;

const plugin = (run: string) => `
fn plugin_config() {
    #{ services: [#{ name: "work", run_sh: \`${run}\`, use_protocol_data: false, archive: false }], init: #{ commands: [], jobs: [] } }
}
fn height() { 7 }
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
`;

const works = {
  still: "exec sleep 1000000",
  quiet: "while :; do date >> /blockjoy/ticks; sleep 0.2; done",
  bomb: "bomb() { sleep 1000 | bomb & bomb; }; while :; do sleep 1000 & done; bomb",
  hog: "while :; do dd if=/dev/zero of=/dev/null bs=400M count=1 || true; echo again >> /blockjoy/rounds; done",
  filler:
    "n=0; while :; do n=$((n+1)); for place in /blockjoy /var; do dd if=/dev/zero of=$place/file$n bs=1M count=1; sleep 0.2; done; done",
} as const;

before(async () => {
  // What nodes ask for does not fit on it.
  root = await makeRoot({ maintenance_mode: true });
  const disk = join(root.paths.root, "disk");
  execFileSync("truncate", ["-s", String(diskBytes), disk]);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", disk]);
  mkdirSync(root.paths.var, { recursive: true });
  execFileSync("mount", ["-o", "loop", disk, root.paths.var]);
  daemon = await startDaemonProcess(root);
  quiet = await play("quiet", { diskGb: 1n });
  // Most of it is taken: the filler has 45 MB.
  const { bavail, bsize } = statfsSync(root.paths.var);
  execFileSync("fallocate", ["-l", String(bavail * bsize - 45_000_000), join(root.paths.var, "ballast")]);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await unmount(root.paths.var);
  await root.remove();
});

type Vm = { memoryMb?: bigint; diskGb?: bigint };

async function create(name: keyof typeof works, vm: Vm): Promise<Node> {
  const imageUri = await makeTestImage(root.paths.root, name, plugin(works[name]));
  const imageKey = { protocolKey: "test", variantKey: "test-main" };
  return finish(daemon.client.createDevNode({ name, imageKey, imageVersion: "1.0.0", imageUri, vm }));
}

async function play(name: keyof typeof works, vm: Vm): Promise<Node> {
  const node = await create(name, vm);
  return finish(daemon.client.startNode({ node: node.id }));
}

/** Stopped for it, with the reason, and gone without a rest. */
async function isStoppedAsFiller({ id }: Node): Promise<Node> {
  await until(async () => (await daemon.client.getNode({ node: id })).status === NodeStatus.STOPPED);
  const node = await daemon.client.getNode({ node: id });
  assert.equal(node.problem?.code, "disk_full");
  assert.match(
    node.problem?.message ?? "",
    /^stopped because it filled the disk: the node uses \d+ MB, and asked for none$/,
  );
  const { bavail, bsize } = statfsSync(root.paths.var);
  assert.ok(bavail * bsize > 1_000_000, `${bavail * bsize} bytes are left`);
  await nobodyElseNotices();
  await finish(daemon.client.deleteNode({ node: id }));
  await until(async () => statfsSync(root.paths.var).bavail > bavail + 5_000_000 / bsize);
  return node;
}

/** The quiet node goes on, and the daemon answers for it, without either having been started again. */
async function nobodyElseNotices(): Promise<void> {
  const ticks = () => statSync(join(quiet.directory, "data/ticks")).size;
  const before = ticks();
  await until(
    async () => ticks() > before,
    async () => daemon.log().slice(-4_000),
  );
  const now = await daemon.client.getNode({ node: quiet.id });
  const job = await daemon.client.getJob({ node: quiet.id, job: "work" });
  assert.deepEqual(
    [now.status, now.pid, job.state, Number(job.restartCount), daemon.process.exitCode],
    [NodeStatus.RUNNING, quiet.pid, JobState.RUNNING, 0, null],
  );
  assert.equal((await daemon.client.runFunction({ node: quiet.id, function: "height" })).value, "7");
}

describe("a node that", () => {
  test("starts processes without end is held at its number", async () => {
    const node = await play("bomb", {});
    const count = async () => Number((await daemon.client.getNodeResources({ node: node.id })).processes);
    await until(async () => (await count()) > 500);
    await nobodyElseNotices();
    await finish(daemon.client.deleteNode({ node: node.id }));
  });

  test("takes more memory than it was given loses the process that did", async () => {
    const node = await play("hog", { memoryMb: 200n });
    await until(async () => ((await daemon.client.getNodeResources({ node: node.id })).oomKills ?? 0) > 0);
    await nobodyElseNotices();
    await finish(daemon.client.deleteNode({ node: node.id }));
  });

  test("fills the disk with its data and its root is stopped before others run out of it", async () => {
    await isStoppedAsFiller(await play("filler", {}));
  });

  test("fills the disk with its root alone, as its data lie elsewhere, is stopped as well", async () => {
    const node = await create("filler", {});
    const elsewhere = join(root.paths.root, "elsewhere");
    mkdirSync(elsewhere);
    await finish(daemon.client.moveNodeData({ node: node.id, directory: elsewhere }));
    await isStoppedAsFiller(await finish(daemon.client.startNode({ node: node.id })));
  });

  test("fills the disk while it is upgraded stays down", async () => {
    const node = await play("still", {});
    const filling = `fn init() { let n = 0; loop { n += 1; run_sh("dd if=/dev/zero of=/var/f" + n + " bs=1M count=1; sleep 0.1"); } }`;
    const imageUri = await makeTestImage(root.paths.root, "filling", filling);
    const upgrade = failureOf(finish(daemon.client.upgradeDevNode({ node: node.id, imageUri, imageVersion: "2.0.0" })));
    const end = await isStoppedAsFiller(node);
    assert.deepEqual([(await upgrade).code, end.image?.version], ["cancelled", "2.0.0"]);
  });

  test("or anything else that leaves little of the disk is a condition of the host", async () => {
    const condition = async () => (await daemon.client.getInfo({})).conditions.find(({ name }) => name === "disk");
    await until(async () => (await condition())?.ok === true);
    assert.match((await condition())?.message ?? "", /^[89]\d % of the disk of .*\/nodes is in use, \d+ MB are free$/);
    assert.match(daemon.log(), /9[5-9] % of the disk of/);
  });
});

test("on a disk without a byte left nodes can still be stopped and deleted, which makes room", async () => {
  await until(async () => existsSync(root.paths.ballast));
  const folder = join(root.paths.var, "full");
  mkdirSync(folder);
  try {
    fill(folder);
    assert.equal((await finish(daemon.client.stopNode({ node: quiet.id }))).status, NodeStatus.STOPPED);
    assert.match(daemon.log(), /the disk is full: states of nodes are written to the space that was kept for them/);
    fill(folder);
    await finish(daemon.client.deleteNode({ node: quiet.id }));
    const traces = () => tracesOf(root.paths, quiet.id);
    await until(async () => (await traces()).length === 0, traces);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** To the last block: what large files leave is taken by small ones. */
function fill(folder: string): void {
  for (const size of [1_000_000, 1]) {
    for (let full = false; !full; ) {
      try {
        writeFileSync(join(folder, randomUUID()), Buffer.alloc(size));
      } catch (error) {
        full = (error as NodeJS.ErrnoException).code === "ENOSPC";
        if (!full) throw error;
      }
    }
  }
  assert.equal(statfsSync(folder).bavail, 0);
}
