import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { readPluginFiles } from "../plugin/plugin-files.ts";
import { createNodeRootfs } from "../rootfs/index.ts";
import { writeRootfsRecord } from "../rootfs/rootfs-record.ts";
import { createImageStore, type ImageProgress, type UnpackedImage } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-images-"));
const layout = join(directory, "layout");
const uri = (tag: string) => `oci:${layout}:${tag}`;
/** What `umoci` says of its own is nothing. */
const umoci = (...args: string[]) => execFileSync("umoci", args, { stdio: ["ignore", "ignore", "inherit"] });

/** What is seen of a file: the highest layer that has it wins. */
function contentOf(image: UnpackedImage, path: string): string {
  const layer = image.layers.findLast((folder) => existsSync(join(folder, path)));
  return readFileSync(join(layer ?? "", path), "utf8");
}

/** Below the store, so that two links to one layer are equal. */
const real = (path: string): string => realpathSync(path);

function recordOf(folder: string, image: UnpackedImage): string {
  return join(folder, "rootfs", image.digest.slice("sha256:".length), "image.json");
}

/** Adds files as one more layer. */
function insert(from: string, to: string, files: Readonly<Record<string, string>>): void {
  const content = mkdtempSync(join(directory, "content-"));
  chmodSync(content, 0o755);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(content, path)), { recursive: true });
    writeFileSync(join(content, path), text);
  }
  umoci("insert", "--image", `${layout}:${from}`, "--tag", to, content, "/");
}

before(() => {
  umoci("init", "--layout", layout);
  const content = join(directory, "content");
  mkdirSync(join(content, "etc"), { recursive: true });
  writeFileSync(join(content, "etc", "version"), "1", { mode: 0o640 });
  umoci("new", "--image", `${layout}:v1`);
  umoci("insert", "--image", `${layout}:v1`, content, "/");
  umoci("config", "--image", `${layout}:v1`, "--config.env", "A=b", "--config.workingdir", "/etc");
  writeFileSync(join(content, "etc", "version"), "2");
  writeFileSync(join(content, "big"), randomBytes(300_000));
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
  assert.equal(contentOf(image, "etc/version"), "1");
  assert.equal(statSync(join(image.layers[0] ?? "", "etc/version")).mode & 0o777, 0o640);
  assert.deepEqual(image.config.env["A"], "b");
  assert.equal(image.config.workingDirectory, "/etc");
  steps.length = 0;
  const { ino } = statSync(recordOf(join(directory, "once"), image));
  assert.deepEqual(await store.ensure(uri("v1"), { onProgress }), image);
  assert.deepEqual(steps, ["resolve", "ready"]);
  assert.equal(statSync(recordOf(join(directory, "once"), image)).ino, ino);
  assert.deepEqual(await store.get(image.digest), image);
  assert.deepEqual(await store.list(), [image]);
  await assert.rejects(store.get(`sha256:${"0".repeat(64)}`), { code: "image-unknown" });
  await assert.rejects(store.ensure("oci:relative/path"), { code: "container-uri-relative" });
});

for (const point of ["layer.unpacked", "image.unpacked", "image.recorded"]) {
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
    assert.equal(contentOf(image, "etc/version"), "1");
    assert.equal(readdirSync(join(folder, "tmp")).length, 1);
    await store.collectGarbage({ nodesDirectory: join(directory, "no-nodes") });
    assert.deepEqual(readdirSync(join(folder, "tmp")), []);
    assert.deepEqual(await store.list(), [image]);
  });
}

test("images share the layers they begin with: only new ones are unpacked, and removed files stay removed", async () => {
  insert("v1", "base", { "gone/file": "1", "opaque/old": "1", "var/lib/babel/plugin/old.rhai": "1" });
  insert("base", "more", { "etc/more": "1", "var/lib/babel/plugin/main.rhai": "fn two() {}" });
  for (const [path, tag] of Object.entries({ "/gone": "less", "/var/lib/babel/plugin/old.rhai": "least" })) {
    umoci("insert", "--image", `${layout}:${tag === "less" ? "more" : "less"}`, "--tag", tag, "--whiteout", path);
  }
  const empty = join(directory, "empty");
  mkdirSync(empty);
  umoci("insert", "--image", `${layout}:least`, "--tag", "opaque", "--opaque", empty, "/opaque");
  const folder = join(directory, "shared");
  const store = createImageStore({ directory: folder });
  const base = await store.ensure(uri("base"));
  const lines: string[] = [];
  const onProgress = (progress: ImageProgress) => {
    if (progress.step === "unpack") lines.push(progress.line);
  };
  const image = await store.ensure(uri("opaque"), { onProgress });
  assert.deepEqual(lines, ["unpack layer 3 of 6", "unpack layer 4 of 6", "unpack layer 5 of 6", "unpack layer 6 of 6"]);
  assert.deepEqual(image.layers.slice(0, 2).map(real), base.layers.map(real));
  assert.deepEqual(readdirSync(join(folder, "layers")).length, 6);
  assert.deepEqual(await readPluginFiles(image.pluginRoot), { "main.rhai": "fn two() {}" });

  const expected = { "/": ["etc", "opaque", "var"], etc: ["more", "version"], opaque: [] };
  const rootfs = createNodeRootfs(store);
  const overlay = join(directory, "no-overlay");
  for (const name of ["l", "u", "w", "nodes"]) mkdirSync(join(overlay, name), { recursive: true });
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", "lowerdir=l,upperdir=u,workdir=w", "nodes"], {
    cwd: overlay,
  });
  const places = [
    { node: join(directory, "nodes-plain/node"), ownIds: false },
    { node: join(directory, "nodes-own/node"), ownIds: true },
    { node: join(overlay, "nodes/node"), ownIds: false },
  ];
  try {
    for (const { node, ownIds } of places) {
      mkdirSync(node, { recursive: true });
      await rootfs.prepare(node, "v1", image);
      const shown = await rootfs.mount(node, "v1", { ownIds });
      try {
        const seen = Object.keys(expected).map((path) => [path, readdirSync(join(shown, path)).sort()]);
        assert.deepEqual(Object.fromEntries(seen), expected, node);
        assert.equal(statSync(join(shown, "etc/version")).mode & 0o777, 0o640);
        assert.deepEqual(await rootfs.mounted(node), "v1");
        assert.equal((await rootfs.idBase(node)) !== undefined, ownIds);
      } finally {
        await rootfs.unmount(node);
      }
    }
    // Where layers cannot be stacked the image is one tree.
    const flat = await createImageStore({ directory: join(overlay, "nodes/images") }).ensure(uri("opaque"));
    const [tree = "", ...others] = flat.layers;
    assert.deepEqual([others, flat.pluginRoot], [[], tree]);
    const seen = Object.keys(expected).map((path) => [path, readdirSync(join(tree, path)).sort()]);
    assert.deepEqual(Object.fromEntries(seen), expected);
  } finally {
    execFileSync("umount", [join(overlay, "nodes")]);
  }
});

test("an image without a layer is an empty tree", async () => {
  umoci("new", "--image", `${layout}:nothing`);
  const { layers, pluginRoot } = await createImageStore({ directory: join(directory, "nothing") }).ensure(
    uri("nothing"),
  );
  assert.deepEqual([layers, readdirSync(pluginRoot)], [[pluginRoot], []]);
});

test("killed between two layers: what is unpacked is not unpacked again, and goes after a while if nobody goes on", async () => {
  const folder = join(directory, "between");
  const script = `import { createImageStore } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    await createImageStore({ directory: ${JSON.stringify(folder)} }).ensure(${JSON.stringify(uri("v2"))});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: "ignore",
    env: { ...process.env, BV_FAILPOINT: "layer.complete" },
  });
  assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
  const store = createImageStore({ directory: folder });
  const nodesDirectory = join(directory, "no-nodes");
  assert.deepEqual(await store.collectGarbage({ nodesDirectory }), []);
  const lines: string[] = [];
  const onProgress = (progress: ImageProgress) => {
    if (progress.step === "unpack") lines.push(progress.line);
  };
  assert.equal(contentOf(await store.ensure(uri("v2"), { onProgress }), "etc/version"), "2");
  assert.deepEqual(lines, ["unpack layer 2 of 2"]);
  assert.equal((await store.collectGarbage({ nodesDirectory, graceMs: 0 })).length, 1);
  assert.deepEqual(readdirSync(join(folder, "layers")), []);
});

test("an image that claims another's layers for its own is refused, and the other one stays what it is", async () => {
  insert("v1", "liar", { "etc/version": "forged" });
  const documentOf = (tag: string) => {
    const blob = ({ digest }: { readonly digest: string }) => join(layout, "blobs/sha256", digest.slice(7));
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const entry = manifests.find(({ annotations }: { annotations: Record<string, string> }) =>
      Object.values(annotations).includes(tag),
    );
    const manifest = JSON.parse(readFileSync(blob(entry), "utf8"));
    return { entry, manifest, config: JSON.parse(readFileSync(blob(manifest.config), "utf8")) };
  };
  const liar = documentOf("liar");
  const put = (document: object) => {
    const text = JSON.stringify(document);
    const hex = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(layout, "blobs/sha256", hex), text);
    return { digest: `sha256:${hex}`, size: text.length };
  };
  const config = put({ ...liar.config, rootfs: documentOf("v2").config.rootfs });
  const manifest = put({ ...liar.manifest, config: { ...liar.manifest.config, ...config } });
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const annotations = { "org.opencontainers.image.ref.name": "forged" };
  index.manifests.push({ ...liar.entry, ...manifest, annotations });
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  const store = createImageStore({ directory: join(directory, "forged") });
  await assert.rejects(store.ensure(uri("forged")), { code: "image-unpack-failed", message: /diffid mismatch/ });
  assert.equal(contentOf(await store.ensure(uri("v2")), "etc/version"), "2");
});

test("layers packed with zstd are unpacked like any other", async () => {
  const packed = join(directory, "zstd");
  execFileSync("skopeo", ["copy", "--quiet", "--dest-compress-format", "zstd", `oci:${layout}:v2`, `oci:${packed}:v2`]);
  const types = readdirSync(join(packed, "blobs/sha256")).map((name) =>
    readFileSync(join(packed, "blobs/sha256", name)).readUInt32LE(0),
  );
  assert.ok(types.includes(0xfd2fb528), "skopeo made no zstd layer");
  const store = createImageStore({ directory: join(directory, "zstd-store") });
  const image = await store.ensure(`oci:${packed}:v2`);
  assert.equal(contentOf(image, "etc/version"), "2");
  const [folder = ""] = image.layers;
  assert.deepEqual(readdirSync(join(realpathSync(folder), "..")).sort(), ["diff", "layer.json"]);
});

test("images that take too much go before their time, the least recently used first, but none that a node stands on", async () => {
  const folder = join(directory, "bounded");
  const store = createImageStore({ directory: folder });
  const collect = (maxBytes: number) => store.collectGarbage({ nodesDirectory, graceMs: 7_200_000, maxBytes });
  const nodesDirectory = join(directory, "nodes-bounded");
  const [first, second] = [await store.ensure(uri("v1")), await store.ensure(uri("v2"))];
  const unusedFor = (image: UnpackedImage, minutes: number) => {
    const then = new Date(Date.now() - minutes * 60_000);
    utimesSync(recordOf(folder, image), then, then);
  };
  unusedFor(first, 90);
  unusedFor(second, 100);

  assert.deepEqual(await collect(1_000_000_000), []);
  const all = Number.parseInt(
    execFileSync("du", ["-scB1", ...["rootfs", "layers", "blobs"].map((name) => join(folder, name))], {
      encoding: "utf8",
    })
      .split("\n")
      .at(-2) ?? "",
    10,
  );
  // The second has what the first has and more.
  assert.deepEqual(await collect(all - 200_000), [second.digest]);
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
  assert.equal(contentOf(second, "etc/version"), "2");
  const nodesDirectory = join(directory, "nodes");
  const version = join(nodesDirectory, "node-1", "roots", "v1");
  mkdirSync(version, { recursive: true });
  await writeRootfsRecord(version, { imageDigest: first.digest, storage: "overlay" });

  // Layers that were cut: somebody may go on with the younger.
  const [older, younger] = [join(folder, "partial/older"), join(folder, "partial/younger")];
  mkdirSync(dirname(older));
  for (const path of [older, younger]) writeFileSync(path, "cut");
  utimesSync(older, new Date(), new Date(Date.now() - 2 * 3_600_000));
  assert.deepEqual(await store.collectGarbage({ nodesDirectory }), []);
  assert.deepEqual(readdirSync(dirname(older)), ["younger"]);
  assert.deepEqual(await store.collectGarbage({ nodesDirectory, graceMs: 0, keep: new Set([second.digest]) }), []);
  assert.deepEqual(await store.collectGarbage({ nodesDirectory, graceMs: 0 }), [second.digest]);
  assert.equal(existsSync(recordOf(folder, second)), false);
  assert.deepEqual(await store.list(), [first]);
  // The layer both shared is still there for the first; fetching again brings the second back.
  assert.deepEqual(await store.ensure(uri("v2")), second);
  // What a node stands on may lie in a space that is not mounted.
  const away = join(nodesDirectory, "node-2");
  mkdirSync(away);
  symlinkSync("space/roots", join(away, "roots"));
  await assert.rejects(store.collectGarbage({ nodesDirectory, graceMs: 0 }), { code: "image-unknown" });
  assert.equal(existsSync(recordOf(folder, second)), true);
  rmSync(nodesDirectory, { recursive: true });
  assert.deepEqual((await store.collectGarbage({ nodesDirectory, graceMs: 0 })).length, 2);
  assert.deepEqual(readdirSync(join(folder, "blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(folder, "layout")), []);
  assert.deepEqual(readdirSync(join(folder, "layers")), []);
});

test("a store keeps to what its host allows, as it is at that moment", async () => {
  const policy = {
    registries: ["ghcr.io/acme"] as readonly string[] | undefined,
    pinned: false,
    signaturePolicy: undefined,
  };
  const store = createImageStore({ directory: join(directory, "policy"), policy: () => policy });
  for (const call of [store.ensure, store.resolve]) {
    await assert.rejects(call.bind(store)("ghcr.io/other/node:v1"), { code: "image-registry-refused" });
  }
  Object.assign(policy, { registries: undefined, pinned: true });
  await assert.rejects(store.ensure("ghcr.io/other/node:v1"), { code: "image-not-pinned" });
  assert.equal(contentOf(await store.ensure(uri("v1")), "etc/version"), "1");
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
    assert.equal(contentOf(await store.ensure(image), "etc/version"), "1");
  } finally {
    registry.kill();
    await once(registry, "exit");
  }
});
