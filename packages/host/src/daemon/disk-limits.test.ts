import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readlinkSync, renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { dataBelow } from "../node/data-place.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { unmount } from "../testbed/unmount.ts";
import { until } from "../testbed/until.ts";

/** Nodes whose disk size the kernel keeps: subvolumes of a btrfs with quotas, images where these are off (spec host-daemon DB-5.9). */
let root: TestRoot;
let daemon: DaemonProcess;
let imageUri: string;
const gb = 1_000_000_000;

const plugin = `
fn plugin_config() {
    #{ services: [#{ name: "work", run_sh: \`while :; do date >> /blockjoy/ticks; sleep 0.1; done\`, use_protocol_data: false, archive: false }], init: #{ commands: [], jobs: [] } }
}
fn sh(command) { run_sh("(" + command + ") 2>&1; echo :$?").unwrap() }
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
`;

before(async () => {
  root = await makeRoot({ disk_limit: "image", metrics_port: 0 });
  const disk = join(root.paths.root, "disk");
  execFileSync("truncate", ["-s", "8G", disk]);
  execFileSync("mkfs.btrfs", ["-q", disk]);
  mkdirSync(root.paths.var, { recursive: true });
  execFileSync("mount", ["-o", "loop", disk, root.paths.var]);
  execFileSync("btrfs", ["quota", "enable", root.paths.var]);
  imageUri = await makeTestImage(root.paths.root, "1", plugin);
  daemon = await startDaemonProcess(root);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await unmount(root.paths.var);
  await root.remove();
});

async function play(name: string): Promise<Node> {
  const imageKey = { protocolKey: "test", variantKey: "test-main" };
  const request = { name, imageKey, imageVersion: "1.0.0", imageUri, vm: { diskGb: 1n }, start: true };
  return finish(daemon.client.createDevNode(request));
}

/** What the node's shell says, and its exit code. */
async function sh({ id }: Node, param: string): Promise<string> {
  return (await daemon.client.runFunction({ node: id, function: "sh", param })).value;
}

const spaceOf = async ({ id }: Node) => (await daemon.client.getNodeResources({ node: id })).space;
const tellsOf = ({ directory }: Node): number => statSync(join(directory, "data/ticks")).size;

/** Takes all it can get of data and of its root: no more than its own, and nobody else notices. */
async function fillsOnlyItself(filler: Node, other: Node, said: RegExp): Promise<void> {
  assert.match(await sh(filler, "busybox fallocate -l 900000000 /blockjoy/big"), /^:0/);
  assert.match(await sh(filler, "dd if=/dev/zero of=/var/more bs=1M count=300"), said);
  for (const size of ["64k", "4k"])
    assert.match(await sh(filler, `dd if=/dev/zero of=/blockjoy/rest${size} bs=${size}`), said);
  const space = await spaceOf(filler);
  const [used, limit] = [Number(space?.usedBytes), Number(space?.limitBytes)];
  assert.ok(limit > 0.9 * gb && limit <= gb && used > limit - 1_000_000, `${used} of ${limit}`);
  const before = tellsOf(other);
  await until(async () => tellsOf(other) > before);
  assert.match(await sh(other, "dd if=/dev/zero of=/blockjoy/own bs=1M count=20"), /:0/);
}

const upgraded = (node: Node, diskGb: bigint): Promise<Node> =>
  finish(daemon.client.upgradeDevNode({ node: node.id, vm: { diskGb } }));

/** Room that files of a full node leave is there when the file system has got that far, which may take a moment. */
async function canMakeRoom(full: Node, ...files: readonly string[]): Promise<void> {
  assert.equal(await sh(full, `rm ${files.join(" ")}`), ":0\n");
  const writes = (): Promise<string> => sh(full, "echo fine > /var/fine && cat /var/fine");
  await until(async () => (await writes()) === "fine\n:0\n", writes);
}

let first: Node;
let clone: Node;

describe("on btrfs with quotas", () => {
  test("a node is kept to its size, data and root together; a clone that shares its blocks goes on", async () => {
    first = await play("first");
    await sh(first, "dd if=/dev/zero of=/blockjoy/shared bs=1M count=50");
    clone = await finish(daemon.client.cloneNode({ node: first.id, name: "clone", start: true }));
    await fillsOnlyItself(first, clone, /Disk quota exceeded\n.*:1\n$/s);
    assert.deepEqual([(await spaceOf(first))?.kind, (await spaceOf(clone))?.kind], ["subvolume", "subvolume"]);
    assert.ok(Number((await spaceOf(clone))?.usedBytes) > 50_000_000);
    const { conditions } = await daemon.client.getInfo({});
    const url = /http:\S+/.exec(conditions.find(({ name }) => name === "metrics")?.message ?? "")?.[0] ?? "";
    const metrics = await (await fetch(url)).text();
    assert.match(metrics, /^blockvisor_node_disk_bytes\{.*name="first".*\} 99\d{7}$/m);
    assert.match(metrics, /^blockvisor_node_disk_limit_bytes\{.*name="first".*\} 1000000000$/m);
  });

  test("a full node can be stopped, started and emptied", async () => {
    await finish(daemon.client.stopNode({ node: first.id }));
    await finish(daemon.client.startNode({ node: first.id }));
    await canMakeRoom(first, "/blockjoy/big", "/var/more");
  });

  test("a node cannot make subvolumes of its own, which would not count", async () => {
    const data = join(first.directory, "data");
    const libraries = execFileSync("ldd", ["/usr/bin/perl"], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
    for (const file of ["/usr/bin/perl", ...libraries]) copyFileSync(file, join(data, basename(file)));
    const loader = libraries.find((file) => basename(file).startsWith("ld-")) ?? "";
    const perl = `/blockjoy/${basename(loader)} --library-path /blockjoy /blockjoy/perl`;
    // BTRFS_IOC_SUBVOL_CREATE
    const make = `open my $d, "<", $ARGV[0]; my $own = pack("qZ4088", 0, "own"); print ioctl($d, 0x5000940e, $own) ? "made" : "$!"`;
    assert.equal(await sh(first, `${perl} -e '${make}' /blockjoy`), "Operation not permitted:0\n");
    // The kernel itself would let it.
    assert.equal(execFileSync("perl", ["-e", make, data], { encoding: "utf8" }), "made");
    execFileSync("btrfs", ["--quiet", "subvolume", "delete", join(data, "own")]);
  });

  test("data that are moved away and back are within the size again", async () => {
    const used = async (): Promise<number> => {
      execFileSync("sync", ["-f", clone.directory]);
      return Number((await spaceOf(clone))?.usedBytes);
    };
    const elsewhere = join(root.paths.root, "elsewhere");
    mkdirSync(elsewhere);
    await finish(daemon.client.stopNode({ node: clone.id }));
    await finish(daemon.client.moveNodeData({ node: clone.id, directory: elsewhere }));
    assert.equal(readlinkSync(join(clone.directory, "space/data")), dataBelow(elsewhere, clone.id));
    assert.ok((await used()) < 50_000_000);
    await finish(daemon.client.moveNodeData({ node: clone.id, directory: "" }));
    assert.ok((await used()) > 50_000_000);
    assert.equal(existsSync(dataBelow(elsewhere, clone.id)), false);
  });

  test("a larger size is in force after the upgrade", async () => {
    await upgraded(clone, 2n);
    assert.equal((await spaceOf(clone))?.limitBytes, BigInt(2 * gb));
  });
});

describe("where there are no quotas", () => {
  let image: Node;

  test("a node is kept to its size by a file system of its own", async () => {
    await daemon.kill();
    execFileSync("btrfs", ["quota", "disable", root.paths.var]);
    daemon = await startDaemonProcess(root);
    image = await play("image");
    await fillsOnlyItself(image, first, /No space left on device\n.*:1\n$/s);
    assert.equal((await spaceOf(image))?.kind, "image");
    // No quota counts any more: this one is watched by the daemon, as it says.
    assert.equal(await spaceOf(first), undefined);
  });

  test("it grows with the node's size, also when it is full; what is removed in it takes no room on the machine", async () => {
    await upgraded(image, 2n);
    assert.ok(Number((await spaceOf(image))?.limitBytes) > 1.8 * gb);
    await canMakeRoom(image, "/blockjoy/big");
    execFileSync("sync", ["-f", join(image.directory, "space")]);
    assert.ok(statSync(join(image.directory, "space.img")).blocks * 512 < 0.3 * gb);
  });

  test("after a reboot it is mounted again; one that is gone is told, not replaced by an empty one", async () => {
    await sh(image, "echo data > /blockjoy/kept; echo root > /var/kept");
    await finish(daemon.client.stopNode({ node: image.id }));
    await daemon.kill();
    for (const name of ["rootfs", "space"]) execFileSync("umount", [join(image.directory, name)]);
    const file = join(image.directory, "space.img");
    renameSync(file, `${file}.away`);
    daemon = await startDaemonProcess(root);
    const { problem } = await daemon.client.getNode({ node: image.id });
    assert.equal(problem?.message, `the node's data are not there: ${image.directory} has lost its space`);
    assert.equal(existsSync(file), false);
    renameSync(`${file}.away`, file);
    await daemon.kill();
    daemon = await startDaemonProcess(root);
    assert.equal((await finish(daemon.client.startNode({ node: image.id }))).status, NodeStatus.RUNNING);
    assert.equal(await sh(image, "cat /blockjoy/kept /var/kept"), "data\nroot\n:0\n");
  });

  test("nothing is left of deleted nodes, not even a loop device", async () => {
    const ids = [first.id, clone.id, image.id];
    await Promise.all(ids.map((node) => finish(daemon.client.deleteNode({ node }))));
    // A container that starts just then has the mounts of all for a moment, and their devices.
    const devices = (): readonly string[] =>
      execFileSync("losetup", ["-a"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => ids.some((id) => line.includes(id)));
    const traces = async () => [...(await tracesOf(root.paths, ...ids)), ...devices()];
    await until(async () => (await traces()).length === 0, traces);
    assert.equal(execFileSync("btrfs", ["subvolume", "list", root.paths.var], { encoding: "utf8" }), "");
  });
});
