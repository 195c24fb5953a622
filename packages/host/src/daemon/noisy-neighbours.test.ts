import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { JobState, type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
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
  quiet: "while :; do date >> /blockjoy/ticks; sleep 0.2; done",
  bomb: "bomb() { sleep 1000 | bomb & bomb; }; while :; do sleep 1000 & done; bomb",
  hog: "while :; do dd if=/dev/zero of=/dev/null bs=400M count=1 || true; echo again >> /blockjoy/rounds; done",
  filler:
    "n=0; while :; do n=$((n+1)); for place in /blockjoy /var; do dd if=/dev/zero of=$place/file$n bs=1M count=1; sleep 0.2; done; done",
} as const;

before(async () => {
  root = await makeRoot();
  const disk = join(root.paths.root, "disk");
  execFileSync("truncate", ["-s", String(diskBytes), disk]);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", disk]);
  mkdirSync(root.paths.var, { recursive: true });
  execFileSync("mount", ["-o", "loop", disk, root.paths.var]);
  daemon = await startDaemonProcess(root);
  quiet = await play("quiet", {});
  // Most of it is taken: the filler has 45 MB.
  const { bavail, bsize } = statfsSync(root.paths.var);
  execFileSync("fallocate", ["-l", String(bavail * bsize - 45_000_000), join(root.paths.var, "ballast")]);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  spawnSync("umount", [root.paths.var]);
  await root.remove();
});

async function play(name: keyof typeof works, vm: { memoryMb?: bigint; diskGb?: bigint }): Promise<Node> {
  const imageUri = await makeTestImage(root.paths.root, name, plugin(works[name]));
  const imageKey = { protocolKey: "test", variantKey: "test-main" };
  const node = await finish(daemon.client.createDevNode({ name, imageKey, imageVersion: "1.0.0", imageUri, vm }));
  return finish(daemon.client.startNode({ node: node.id }));
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
    const node = await play("filler", {});
    await until(async () => (await daemon.client.getNode({ node: node.id })).status === NodeStatus.STOPPED);
    const { problem } = await daemon.client.getNode({ node: node.id });
    assert.equal(problem?.code, "disk_full");
    assert.match(
      problem?.message ?? "",
      /^stopped because it filled the disk: the node uses \d+ MB, and asked for none$/,
    );
    const { bavail, bsize } = statfsSync(root.paths.var);
    assert.ok(bavail * bsize > 1_000_000, `${bavail * bsize} bytes are left`);
    await nobodyElseNotices();
    await finish(daemon.client.deleteNode({ node: node.id }));
    await until(async () => statfsSync(root.paths.var).bavail > bavail + 10_000_000 / bsize);
  });
});
