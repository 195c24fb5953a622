import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeRootfsRecord } from "../rootfs/rootfs-record.ts";
import { createImageStore, type ImageProgress } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-images-"));
const layout = join(directory, "layout");
const uri = (tag: string) => `oci:${layout}:${tag}`;

before(() => {
  const umoci = (...args: string[]) => execFileSync("umoci", args, { stdio: ["ignore", "ignore", "inherit"] });
  umoci("init", "--layout", layout);
  const content = join(directory, "content");
  mkdirSync(join(content, "etc"), { recursive: true });
  writeFileSync(join(content, "etc", "version"), "1", { mode: 0o640 });
  umoci("new", "--image", `${layout}:v1`);
  umoci("insert", "--image", `${layout}:v1`, content, "/");
  umoci("config", "--image", `${layout}:v1`, "--config.env", "A=b", "--config.workingdir", "/etc");
  writeFileSync(join(content, "etc", "version"), "2");
  umoci("insert", "--image", `${layout}:v1`, "--tag", "v2", content, "/");
});
after(() => rmSync(directory, { recursive: true, force: true }));

test("an image is fetched and unpacked once, whoever asks and how often", async () => {
  const store = createImageStore({ directory: join(directory, "once") });
  const steps: string[] = [];
  const onProgress = (progress: ImageProgress) => steps.push(progress.step);
  const [image, other] = await Promise.all([store.ensure(uri("v1"), { onProgress }), store.ensure(uri("v1"))]);
  assert.deepEqual(image, other);
  assert.equal(image.digest, await store.resolve(uri("v1")));
  assert.equal(readFileSync(join(image.rootfs, "etc/version"), "utf8"), "1");
  assert.equal(statSync(join(image.rootfs, "etc/version")).mode & 0o777, 0o640);
  assert.deepEqual(image.config.env["A"], "b");
  assert.equal(image.config.workingDirectory, "/etc");
  steps.length = 0;
  const { ino } = statSync(image.rootfs);
  assert.deepEqual(await store.ensure(uri("v1"), { onProgress }), image);
  assert.deepEqual(steps, ["resolve", "ready"]);
  assert.equal(statSync(image.rootfs).ino, ino);
  assert.deepEqual(await store.get(image.digest), image);
  assert.deepEqual(await store.list(), [image]);
  await assert.rejects(store.get(`sha256:${"0".repeat(64)}`), { code: "image-unknown" });
  await assert.rejects(store.ensure("oci:relative/path"), { code: "container-uri-relative" });
});

for (const point of ["image.unpacked", "image.recorded"]) {
  test(`killed at ${point}: no half image is seen, and the next call completes it`, async () => {
    const folder = join(directory, point);
    const script = `import { createImageStore } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      await createImageStore({ directory: ${JSON.stringify(folder)} }).ensure(${JSON.stringify(uri("v1"))});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: "ignore",
      env: { ...process.env, BV_FAILPOINT: point },
    });
    assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
    const store = createImageStore({ directory: folder });
    assert.deepEqual(await store.list(), []);
    const image = await store.ensure(uri("v1"));
    assert.equal(readFileSync(join(image.rootfs, "etc/version"), "utf8"), "1");
    assert.equal(readdirSync(join(folder, "tmp")).length, 1);
    await store.collectGarbage({ nodesDirectory: join(directory, "no-nodes") });
    assert.deepEqual(readdirSync(join(folder, "tmp")), []);
    assert.deepEqual(await store.list(), [image]);
  });
}

test("layers packed with zstd are unpacked like any other", async () => {
  const packed = join(directory, "zstd");
  execFileSync("skopeo", ["copy", "--quiet", "--dest-compress-format", "zstd", `oci:${layout}:v2`, `oci:${packed}:v2`]);
  const types = readdirSync(join(packed, "blobs/sha256")).map((name) =>
    readFileSync(join(packed, "blobs/sha256", name)).readUInt32LE(0),
  );
  assert.ok(types.includes(0xfd2fb528), "skopeo made no zstd layer");
  const store = createImageStore({ directory: join(directory, "zstd-store") });
  const image = await store.ensure(`oci:${packed}:v2`);
  assert.equal(readFileSync(join(image.rootfs, "etc/version"), "utf8"), "2");
  assert.deepEqual(readdirSync(join(image.rootfs, "..")).sort(), ["image.json", "rootfs"]);
});

test("images that take too much go before their time, the least recently used first, but none that a node stands on", async () => {
  const folder = join(directory, "bounded");
  const store = createImageStore({ directory: folder });
  const collect = (maxBytes: number) => store.collectGarbage({ nodesDirectory, graceMs: 7_200_000, maxBytes });
  const nodesDirectory = join(directory, "nodes-bounded");
  const [first, second] = [await store.ensure(uri("v1")), await store.ensure(uri("v2"))];
  const unusedFor = (image: { readonly rootfs: string }, minutes: number) => {
    const then = new Date(Date.now() - minutes * 60_000);
    utimesSync(join(image.rootfs, "..", "image.json"), then, then);
  };
  // As an earlier version wrote it: its size is not noted.
  const record = join(second.rootfs, "..", "image.json");
  const { bytes, ...earlier } = JSON.parse(readFileSync(record, "utf8"));
  assert.equal(bytes, Number.parseInt(execFileSync("du", ["-sB1", second.rootfs], { encoding: "utf8" }), 10));
  writeFileSync(record, JSON.stringify(earlier));
  unusedFor(first, 90);
  unusedFor(second, 100);

  assert.deepEqual(await collect(1_000_000_000), []);
  const all = Number.parseInt(
    execFileSync("du", ["-scB1", join(folder, "rootfs"), join(folder, "blobs")], { encoding: "utf8" })
      .split("\n")
      .at(-2) ?? "",
    10,
  );
  assert.deepEqual(await collect(all / 2), [second.digest]);
  const version = join(nodesDirectory, "node", "roots", "v1");
  mkdirSync(version, { recursive: true });
  await writeRootfsRecord(version, { imageDigest: first.digest, storage: "overlay" });
  assert.deepEqual(await collect(1), []);
  rmSync(nodesDirectory, { recursive: true });
  unusedFor(first, 30);
  assert.deepEqual(await collect(1), []);
  unusedFor(first, 90);
  assert.deepEqual(await collect(1), [first.digest]);
});

test("garbage collection keeps what nodes stand on, what is kept and what is young", async () => {
  const folder = join(directory, "collected");
  const store = createImageStore({ directory: folder });
  const first = await store.ensure(uri("v1"));
  const second = await store.ensure(uri("v2"));
  assert.equal(readFileSync(join(second.rootfs, "etc/version"), "utf8"), "2");
  const nodesDirectory = join(directory, "nodes");
  const version = join(nodesDirectory, "node-1", "roots", "v1");
  mkdirSync(version, { recursive: true });
  await writeRootfsRecord(version, { imageDigest: first.digest, storage: "overlay" });

  assert.deepEqual(await store.collectGarbage({ nodesDirectory }), []);
  assert.deepEqual(await store.collectGarbage({ nodesDirectory, graceMs: 0, keep: new Set([second.digest]) }), []);
  assert.deepEqual(await store.collectGarbage({ nodesDirectory, graceMs: 0 }), [second.digest]);
  assert.equal(existsSync(second.rootfs), false);
  assert.deepEqual(await store.list(), [first]);
  // The layer both shared is still there for the first; fetching again brings the second back.
  assert.deepEqual(await store.ensure(uri("v2")), second);
  // What a node stands on may lie in a space that is not mounted.
  const away = join(nodesDirectory, "node-2");
  mkdirSync(away);
  symlinkSync("space/roots", join(away, "roots"));
  await assert.rejects(store.collectGarbage({ nodesDirectory, graceMs: 0 }), { code: "image-unknown" });
  assert.equal(existsSync(second.rootfs), true);
  rmSync(nodesDirectory, { recursive: true });
  assert.deepEqual((await store.collectGarbage({ nodesDirectory, graceMs: 0 })).length, 2);
  assert.deepEqual(readdirSync(join(folder, "blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(folder, "layout")), []);
});

test("a registry that wants a login gets the machine's, which only root may read", async () => {
  const login = join(directory, "registries.json");
  const passwords = join(directory, "htpasswd");
  writeFileSync(passwords, "somebody:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n");
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const address = `127.0.0.1:${(free.address() as AddressInfo).port}`;
  free.close();
  const settings = join(directory, "registry.yml");
  writeFileSync(
    settings,
    `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: ${join(directory, "registry")}}}
http: {addr: "${address}"}
auth: {htpasswd: {realm: test, path: ${passwords}}}
`,
  );
  const registry = spawn("docker-registry", ["serve", settings], { stdio: "ignore" });
  try {
    while ((await fetch(`http://${address}/v2/`).catch(() => undefined))?.status !== 401) {
      assert.equal(registry.exitCode, null, "docker-registry ended");
    }
    const image = `docker://${address}/org/image:v1`;
    const options = ["--dest-tls-verify=false", "--dest-creds", "somebody:secret", uri("v1"), image];
    execFileSync("skopeo", ["copy", ...options], { stdio: "ignore" });
    const store = createImageStore({ directory: join(directory, "behind-login"), authFile: login });
    await assert.rejects(store.ensure(image), /unauthorized|authentication required/);
    const auth = Buffer.from("somebody:secret").toString("base64");
    writeFileSync(login, JSON.stringify({ auths: { [address]: { auth } } }), { mode: 0o644 });
    await assert.rejects(store.ensure(image), { code: "registry-login-exposed" });
    chmodSync(login, 0o600);
    assert.equal(readFileSync(join((await store.ensure(image)).rootfs, "etc/version"), "utf8"), "1");
  } finally {
    registry.kill();
    await once(registry, "exit");
  }
});
