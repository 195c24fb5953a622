import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OperationError } from "@blockvisor/image/container";
import type { UnpackedImage } from "../images/index.ts";
import { createNodeRootfs } from "./index.ts";

// Characters that mean something in mount options and in mountinfo.
const directory = mkdtempSync(join(tmpdir(), "bv-rootfs, :\\-"));
const images = new Map<string, UnpackedImage>();
const rootfs = createNodeRootfs({
  get: async (digest) => {
    const image = images.get(digest);
    if (image) return image;
    throw new OperationError("image-unknown", digest);
  },
});

function image(name: string): UnpackedImage {
  const digest = `sha256:${Buffer.from(name).toString("hex").padEnd(64, "0")}`;
  const tree = join(directory, `image-${name}`);
  mkdirSync(join(tree, "etc"), { recursive: true, mode: 0o755 });
  writeFileSync(join(tree, "etc/version"), name);
  writeFileSync(join(tree, "big"), Buffer.alloc(2_000_000, name));
  const config = {
    env: {},
    entrypoint: [],
    command: [],
    workingDirectory: "/",
    user: "",
    labels: {},
    architecture: "amd64",
  };
  const unpacked = { digest, layers: [tree], pluginRoot: tree, config };
  images.set(digest, unpacked);
  return unpacked;
}

function treeOf({ layers: [tree = ""] }: UnpackedImage): string {
  return tree;
}

const one = image("one");
const two = image("two");

function node(name: string): string {
  const path = join(directory, "nodes", name);
  mkdirSync(path, { recursive: true });
  return path;
}

function mounts(): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes("bv-rootfs"));
}

after(() => {
  for (const line of mounts().toReversed()) {
    execFileSync("umount", [
      line.split(" ")[4]!.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8))),
    ]);
  }
  rmSync(directory, { recursive: true, force: true });
});

const diskUsage = (path: string) => Number(execFileSync("du", ["-sk", path], { encoding: "utf8" }).split("\t")[0]);

test("nodes share the image, each with its own changes; a second node costs no copy", async () => {
  const [a, b] = [node("a"), node("b")];
  for (const path of [a, b]) {
    assert.deepEqual(await rootfs.prepare(path, "v1", one), {
      version: "v1",
      imageDigest: one.digest,
      storage: "overlay",
    });
    assert.equal(await rootfs.mount(path, "v1"), join(path, "rootfs"));
  }
  writeFileSync(join(a, "rootfs/etc/version"), "changed");
  unlinkSync(join(a, "rootfs/big"));
  assert.equal(readFileSync(join(b, "rootfs/etc/version"), "utf8"), "one");
  assert.equal(readFileSync(join(treeOf(one), "etc/version"), "utf8"), "one");
  assert.equal(statSync(join(b, "rootfs")).mode & 0o777, 0o755);
  assert.ok(diskUsage(join(b, "roots")) < 100);
  for (const path of [a, b]) await rootfs.remove(path, "v1");
  assert.deepEqual(readdirSync(join(a, "roots")), []);
  assert.deepEqual(mounts(), []);
});

test("every call may be repeated", async () => {
  const path = node("repeated");
  assert.equal(await rootfs.mounted(path), undefined);
  await rootfs.unmount(path);
  await rootfs.prepare(path, "v1", one);
  await rootfs.mount(path, "v1");
  writeFileSync(join(path, "rootfs/mine"), "kept");
  await rootfs.prepare(path, "v1", one);
  await rootfs.mount(path, "v1");
  assert.equal(mounts().length, 1);
  assert.equal(readFileSync(join(path, "rootfs/mine"), "utf8"), "kept");
  await rootfs.unmount(path);
  await rootfs.unmount(path);
  await rootfs.mount(path, "v1");
  assert.equal(readFileSync(join(path, "rootfs/mine"), "utf8"), "kept");
  await rootfs.remove(path, "v1");
  await rootfs.remove(path, "v1");
  assert.deepEqual(mounts(), []);
  await assert.rejects(rootfs.mount(path, "v1"), { code: "rootfs-unknown" });
  await assert.rejects(rootfs.mount(path, "../v1"), { code: "rootfs-unknown" });
});

test("an upgrade is a second version beside the first, a rollback shows the first as it was left", async () => {
  const path = node("upgraded");
  await rootfs.prepare(path, "v1", one);
  await rootfs.mount(path, "v1");
  writeFileSync(join(path, "rootfs/old-change"), "");
  await rootfs.prepare(path, "v2", two);
  await rootfs.mount(path, "v2");
  assert.equal(await rootfs.mounted(path), "v2");
  assert.deepEqual(readdirSync(join(path, "rootfs")).sort(), ["big", "etc"]);
  assert.equal(readFileSync(join(path, "rootfs/etc/version"), "utf8"), "two");
  await rootfs.mount(path, "v1");
  assert.deepEqual(readdirSync(join(path, "rootfs")).sort(), ["big", "etc", "old-change"]);
  assert.deepEqual(
    (await rootfs.list(path)).map(({ version, imageDigest }) => [version, imageDigest]),
    [
      ["v1", one.digest],
      ["v2", two.digest],
    ],
  );
  await rootfs.remove(path, "v2");
  assert.equal(await rootfs.mounted(path), "v1");
  await rootfs.remove(path, "v1");
  assert.deepEqual(mounts(), []);
});

test("files may belong to ids of the node's own; on disk they stay what they are", async () => {
  const [a, b] = [node("own-a"), node("own-b")];
  for (const path of [a, b]) {
    await rootfs.prepare(path, "v1", one);
    await rootfs.mount(path, "v1", { ownIds: true });
    await rootfs.mount(path, "v1", { ownIds: true });
  }
  const [base = 0, other = 0] = [await rootfs.idBase(a), await rootfs.idBase(b)];
  assert.ok(base > 0 && base % 65_536 === 0 && base !== other);
  assert.equal(mounts().filter((line) => /own-[ab]/.test(line)).length, 2);
  const owner = (...path: string[]): number => statSync(join(a, ...path)).uid;
  chownSync(join(a, "rootfs/etc/version"), base + 7, base + 8);
  // By the machine's root, as an engineer does.
  writeFileSync(join(a, "rootfs/etc/new"), "new");
  assert.deepEqual([owner("rootfs/big"), owner("rootfs/etc/version"), owner("rootfs/etc/new")], [base, base + 7, 0]);
  assert.equal(owner("roots/v1/upper/etc/version"), 7);
  assert.equal(await rootfs.mounted(a), "v1");
  await rootfs.mount(a, "v1");
  assert.equal(await rootfs.idBase(a), undefined);
  assert.deepEqual([owner("rootfs/big"), owner("rootfs/etc/version")], [0, 7]);
  for (const path of [a, b]) await rootfs.remove(path, "v1");
  assert.deepEqual(
    mounts().filter((line) => /own-[ab]/.test(line)),
    [],
  );
});

test("what somebody else does with a mount is seen", async () => {
  const path = node("foreign");
  const shown = join(path, "rootfs");
  await rootfs.prepare(path, "v1", one);
  await rootfs.mount(path, "v1");
  assert.deepEqual([await rootfs.mounted(path), await rootfs.mounted(path)], ["v1", "v1"]);
  execFileSync("mount", ["--bind", treeOf(two), shown]);
  assert.equal(await rootfs.mounted(path), undefined);
  execFileSync("umount", [shown]);
  assert.equal(await rootfs.mounted(path), "v1");
  execFileSync("umount", [shown]);
  assert.equal(await rootfs.mounted(path), undefined);
  await rootfs.mount(path, "v1");
  assert.equal(await rootfs.mounted(path), "v1");
  await rootfs.remove(path, "v1");
  assert.deepEqual(mounts(), []);
});

test("mounts that lie on top of each other after a crash are all cleared", async () => {
  const path = node("stacked");
  await rootfs.prepare(path, "v1", one);
  await rootfs.prepare(path, "v2", two);
  await rootfs.mount(path, "v1");
  execFileSync("mount", ["--bind", treeOf(two), join(path, "rootfs")]);
  await rootfs.mount(path, "v2");
  assert.equal(mounts().length, 1);
  assert.equal(await rootfs.mounted(path), "v2");
  await rootfs.remove(path, "v2");
  await rootfs.remove(path, "v1");
  assert.deepEqual(mounts(), []);
});

test("where overlay is impossible (on an overlay) the node gets a copy that behaves the same", async () => {
  const base = join(directory, "overlay");
  for (const name of ["l", "u", "w", "m"]) mkdirSync(join(base, name), { recursive: true });
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", "lowerdir=l,upperdir=u,workdir=w", "m"], { cwd: base });
  const path = join(base, "m", "node");
  mkdirSync(path);
  assert.equal((await rootfs.prepare(path, "v1", one)).storage, "copy");
  await rootfs.mount(path, "v1");
  assert.equal(await rootfs.mounted(path), "v1");
  writeFileSync(join(path, "rootfs/etc/version"), "changed");
  assert.equal(readFileSync(join(treeOf(one), "etc/version"), "utf8"), "one");
  await rootfs.prepare(path, "v2", two);
  await rootfs.mount(path, "v2");
  assert.equal(readFileSync(join(path, "rootfs/etc/version"), "utf8"), "two");
  await rootfs.mount(path, "v1");
  assert.equal(readFileSync(join(path, "rootfs/etc/version"), "utf8"), "changed");
  await rootfs.remove(path, "v1");
  await rootfs.remove(path, "v2");
  assert.deepEqual(readdirSync(join(path, "roots")), []);
  assert.equal(mounts().length, 1);
  execFileSync("umount", [join(base, "m")]);
});

for (const point of ["rootfs.prepared", "rootfs.unmounted", "rootfs.mounted", "rootfs.trashed"]) {
  test(`killed at ${point} the same calls bring the node to the same end, without leaks`, async () => {
    const path = node(point);
    const script = `import { createNodeRootfs } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      const image = ${JSON.stringify(one)};
      const rootfs = createNodeRootfs({ get: async () => image });
      await rootfs.prepare(${JSON.stringify(path)}, "v1", image);
      await rootfs.mount(${JSON.stringify(path)}, "v1");
      await rootfs.remove(${JSON.stringify(path)}, "v1");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: "inherit",
      env: { ...process.env, BV_FAILPOINT: point },
    });
    assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
    await rootfs.prepare(path, "v1", one);
    await rootfs.mount(path, "v1");
    assert.equal(readFileSync(join(path, "rootfs/etc/version"), "utf8"), "one");
    assert.equal(mounts().length, 1);
    await rootfs.remove(path, "v1");
    assert.deepEqual(readdirSync(join(path, "roots")), []);
    assert.deepEqual(mounts(), []);
  });
}

test("a root file system in use says so instead of being torn away", async () => {
  const path = node("busy");
  await rootfs.prepare(path, "v1", one);
  const target = await rootfs.mount(path, "v1");
  const user = spawn("sleep", ["60"], { cwd: target });
  await once(user, "spawn");
  await assert.rejects(rootfs.unmount(path), { code: "rootfs-busy" });
  user.kill("SIGKILL");
  await once(user, "exit");
  await rootfs.remove(path, "v1");
  assert.deepEqual(mounts(), []);
});
