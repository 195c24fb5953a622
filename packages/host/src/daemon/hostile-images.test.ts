import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ErrorDetailSchema, type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { ConnectError } from "@connectrpc/connect";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  pluginPath,
  startDaemonProcess,
  type TestRoot,
} from "../testbed/daemon-process.ts";
import { type LayerEntry, makeHostileImage } from "../testbed/hostile-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/**
 * Images that mean harm (spec host-daemon S3, S4, DB-5.3). Whatever they hold, the machine's own files stay as they are, the daemon
 * goes on, and what comes out is an ordinary error or a node that is like any other.
 */
let root: TestRoot;
let daemon: DaemonProcess;
/** A folder of the machine's, outside of everything the daemon keeps. */
let canary: string;

before(async () => {
  root = await makeRoot();
  canary = join(root.paths.root, "canary");
  mkdirSync(join(canary, "folder"), { recursive: true });
  writeFileSync(join(canary, "secret"), 'fn height() { "the machine\'s own" }', { mode: 0o600 });
  writeFileSync(join(canary, "folder/kept"), "kept");
  daemon = await startDaemonProcess(root);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await root.remove();
});

const canaryState = () =>
  readdirSync(canary, { recursive: true, withFileTypes: true })
    .map(({ parentPath, name }) => {
      const { mode, nlink, uid, size, mtimeMs } = statSync(join(parentPath, name));
      return `${name} ${mode.toString(8)} ${nlink} ${uid} ${size} ${mtimeMs}`;
    })
    .sort();

async function create(name: string, layers: readonly (readonly LayerEntry[])[]): Promise<Node> {
  const imageUri = await makeHostileImage(root.paths.root, name.replaceAll(/\W+/g, "-"), layers);
  const imageKey = { protocolKey: "test", variantKey: "test-main" };
  return finish(daemon.client.createDevNode({ name: "hostile", imageKey, imageVersion: "1.0.0", imageUri }));
}

/** What the work says, or the code of its error. */
async function endOf(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    const [detail] = ConnectError.from(error).findDetails(ErrorDetailSchema);
    assert.doesNotMatch(`${error}`, /the machine's own/);
    return detail?.code ?? `an error without detail: ${error}`;
  }
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/"));
const remove = (path: string): LayerEntry => ({
  path: `${folderOf(path)}/.wh.${path.slice(folderOf(path).length + 1)}`,
  kind: "file",
});
const up = "../".repeat(12);

/** Layers (the links point to the canary), and what creating the node ends with, or starting it where the container could be deceived. */
const images: readonly (readonly [
  name: string,
  layers: (canary: string) => readonly (readonly LayerEntry[])[],
  ends: string,
])[] = [
  ["a path with dots", (to) => [[{ path: `${up}${to}/escaped`, kind: "file", content: "x" }]], "created"],
  ["an absolute path", (to) => [[{ path: `${to}/escaped`, kind: "file", content: "x" }]], "created"],
  [
    "a file below a link",
    (to) => [[{ path: "way", kind: "symlink", target: to }], [{ path: "way/escaped", kind: "file", content: "x" }]],
    "created",
  ],
  [
    "a file instead of a link's end",
    (to) => [[{ path: "way", kind: "symlink", target: `${to}/secret` }], [{ path: "way", kind: "file", content: "x" }]],
    "created",
  ],
  [
    "a hard link to a file of the machine",
    (to) => [[{ path: "mine", kind: "hardlink", target: `${up}${to}/secret` }]],
    "image_unpack_failed",
  ],
  [
    "a hard link through a link",
    (to) => [
      [{ path: "way", kind: "symlink", target: to }],
      [{ path: "mine", kind: "hardlink", target: "way/secret" }],
    ],
    "image_unpack_failed",
  ],
  [
    "a deletion through a link",
    (to) => [[{ path: "way", kind: "symlink", target: to }], [{ path: "way/.wh.secret", kind: "file" }]],
    "created",
  ],
  [
    "an emptied folder through a link",
    (to) => [[{ path: "way", kind: "symlink", target: `${to}/folder` }], [{ path: "way/.wh..wh..opq", kind: "file" }]],
    "created",
  ],
  ["a deletion of what lies outside", (to) => [[{ path: `${up}${to}/.wh.secret`, kind: "file" }]], "created"],
  ["/blockjoy as a link", (to) => [[{ path: "blockjoy", kind: "symlink", target: to }]], "container_start_failed"],
  ["/blockjoy as a file", () => [[{ path: "blockjoy", kind: "file" }]], "container_start_failed"],
  ["/usr/lib as a link", (to) => [[{ path: "usr/lib", kind: "symlink", target: to }]], "container_start_failed"],
  [
    "/var/lib/babel as a link",
    (to) => [[remove("var/lib/babel")], [{ path: "var/lib/babel", kind: "symlink", target: to }]],
    "plugin_error",
  ],
  [
    "the plugin's folder as a link",
    (to) => [[remove(folderOf(pluginPath))], [{ path: folderOf(pluginPath), kind: "symlink", target: to }]],
    "plugin_error",
  ],
  [
    "the plugin as a link",
    (to) => [[remove(pluginPath)], [{ path: pluginPath, kind: "symlink", target: `${to}/secret` }]],
    "plugin_error",
  ],
  ["the plugin as a FIFO", () => [[remove(pluginPath)], [{ path: pluginPath, kind: "fifo" }]], "plugin_error"],
  [
    "the plugin as a terminal",
    () => [[remove(pluginPath)], [{ path: pluginPath, kind: "character", device: [5, 0] }]],
    "plugin_error",
  ],
  [
    "the plugin as a disk",
    () => [[remove(pluginPath)], [{ path: pluginPath, kind: "block", device: [7, 0] }]],
    "plugin_error",
  ],
  [
    "/etc/resolv.conf as a link",
    (to) => [[{ path: "etc/resolv.conf", kind: "symlink", target: `${to}/secret` }]],
    "started",
  ],
  [
    "babel's socket folder as a link",
    (to) => [[{ path: "var/lib/babel/run", kind: "symlink", target: to }]],
    "container_start_failed",
  ],
];

describe("an image with", () => {
  for (const [name, layers, ends] of images) {
    test(`${name} ends with ${ends}`, async () => {
      const before = canaryState();
      let node: Node | undefined;
      const end = await endOf(async () => {
        node = await create(name, layers(canary));
        if (ends === "created") return ends;
        await finish(daemon.client.startNode({ node: node.id }));
        return "started";
      });
      assert.deepEqual([end, canaryState()], [ends, before]);
      if (!node) return;
      await finish(daemon.client.deleteNode({ node: node.id }));
      await until(
        async () => (await tracesOf(root.paths, node?.id ?? "")).length === 0,
        () => tracesOf(root.paths, node?.id ?? ""),
      );
      assert.deepEqual(canaryState(), before);
    });
  }

  test("devices and programs that run as root give no rights", async () => {
    const node = await create("rights", [
      [
        { path: "disk", kind: "block", device: [254, 0], mode: 0o666 },
        { path: "memory", kind: "character", device: [1, 1], mode: 0o666 },
        { path: "zero", kind: "character", device: [1, 5], mode: 0o666 },
        { path: pluginPath, kind: "file", content: PROBES },
      ],
    ]);
    await finish(daemon.client.startNode({ node: node.id }));
    const call = async (name: string) => (await daemon.client.runFunction({ node: node.id, function: name })).value;
    assert.match(
      await call("devices"),
      /^disk: .*(denied|not permitted)\nmemory: .*(denied|not permitted)\nzero: .*(denied|not permitted)\n$/i,
    );
    assert.match(await call("status"), /NoNewPrivs:\s*1/);
    assert.equal((await daemon.client.getNode({ node: node.id })).status, NodeStatus.RUNNING);
    await finish(daemon.client.deleteNode({ node: node.id }));
  });
});

test("a node that puts a directory where babel's socket belongs only hurts itself", async () => {
  const before = canaryState();
  const node = await create("socket place", [[{ path: pluginPath, kind: "file", content: PROBES }]]);
  await finish(daemon.client.startNode({ node: node.id }));
  const folder = join(node.directory, "run/babel.sock");
  await daemon.client.runFunction({ node: node.id, function: "squat", param: canary });
  const { process: babel } = JSON.parse(readFileSync(join(node.directory, "agent.json"), "utf8"));
  process.kill(babel.pid, "SIGKILL");
  const problem = async () => (await daemon.client.getNode({ node: node.id })).problem;
  await until(async () => (await problem())?.code === "conflict", problem);
  assert.match((await problem())?.message ?? "", /have put a directory where a socket belongs/);
  // Nothing below is touched: what is entered by its path could be exchanged for the machine's own.
  assert.deepEqual([readdirSync(folder), canaryState()], [["d", "way"], before]);
  await finish(daemon.client.stopNode({ node: node.id }));
  rmSync(folder, { recursive: true });
  const again = await finish(daemon.client.startNode({ node: node.id }));
  assert.equal(again.status, NodeStatus.RUNNING);
  await finish(daemon.client.deleteNode({ node: node.id }));
});

const PROBES = `
fn plugin_config() { #{ init: #{ commands: [], jobs: [] }, services: [] } }
fn devices() { run_sh("for file in disk memory zero; do echo \\"$file: $(dd if=/$file of=/dev/null bs=1 count=1 2>&1 | head -n 1)\\"; done").unwrap() }
fn squat(target) { run_sh("cd /var/lib/babel/run && rm babel.sock && mkdir -p babel.sock/d/e && ln -s " + target + " babel.sock/way").unwrap() }
fn status() { run_sh("cat /proc/self/status").unwrap() }
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
`;
