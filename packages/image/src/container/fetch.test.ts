import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type DockerDaemon, dockerDaemon } from "../../../../tooling/docker-daemon.ts";
import {
  dockerHost,
  fetchToLayout,
  parseContainerUri,
  readFilesFromDockerEngine,
  readFilesFromImage,
  resolveDigest,
} from "./index.ts";
import { makeSignedImage, writeSignaturePolicy } from "./signed.fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-fetch-"));
const name = `bv-fetch-test-${process.pid}`;
let docker: DockerDaemon;
let registry: ChildProcess;
let registryAddress = "";

const at = (...path: string[]) => join(directory, ...path);
const storage = `[vfs@${at("storage")}+${at("storage-run")}]`;

before(async () => {
  const configured = process.env["BV_TEST_DOCKER_HOST"];
  if (configured) process.env["DOCKER_HOST"] = configured;
  docker = await dockerDaemon();
  if (docker.host) process.env["DOCKER_HOST"] = docker.host;
  buildImage();
  const copy = (to: string) =>
    execFileSync("skopeo", ["copy", "--quiet", "--src-daemon-host", dockerHost(), `docker-daemon:${name}:v1`, to]);
  copy(`docker-archive:${at("image.tar")}:${name}:v1`);
  copy(`oci:${at("oci")}:v1`);
  copy(`oci-archive:${at("oci.tar")}:v1`);
  copy(`dir:${at("dir")}`);
  copy(`containers-storage:${storage}localhost/${name}:v1`);
  await startRegistry();
  execFileSync("skopeo", [
    "copy",
    "--quiet",
    "--dest-tls-verify=false",
    `oci:${at("oci")}:v1`,
    `docker://${registryAddress}/org/image:v1`,
  ]);
});

after(async () => {
  registry?.kill("SIGKILL");
  if (docker) {
    execFileSync("docker", ["rmi", "--force", `${name}:v1`], { stdio: "ignore" });
    await docker.stop();
  }
  // vfs layers of containers-storage may hold files that only root may write.
  rmSync(directory, { recursive: true, force: true });
});

/** Layers: base with plugin files; then one removes a file, replaces one, makes a folder opaque; links of all kinds. */
function buildImage(): void {
  const plugin = at("context", "base", "var/lib/babel/plugin");
  mkdirSync(join(plugin, "old"), { recursive: true });
  mkdirSync(at("context", "base", "bin"), { recursive: true });
  writeFileSync(join(plugin, "main.rhai"), "base");
  writeFileSync(join(plugin, "removed.rhai"), "removed");
  writeFileSync(join(plugin, "old", "inner.rhai"), "inner");
  writeFileSync(join(plugin, `${"a".repeat(140)}.rhai`), "long name");
  writeFileSync(at("context", "base", "secret"), "linked content");
  linkSync(at("context", "base", "secret"), join(plugin, "hard.rhai"));
  symlinkSync("/etc/shadow", join(plugin, "link.rhai"));
  symlinkSync("/opt", at("context", "base", "var/lib/linked"));
  cpSync("/usr/bin/busybox", at("context", "base", "bin", "busybox"));
  const script = [
    "cd /var/lib/babel/plugin && /bin/busybox rm -r removed.rhai old && /bin/busybox mkdir old",
    "/bin/busybox echo -n new >old/new.rhai && /bin/busybox echo -n replaced >main.rhai",
  ].join(" && ");
  const lines = [
    "FROM scratch",
    "COPY base/ /",
    "ENV HELLO=world LIST=a=b",
    "WORKDIR /work",
    "USER 0:0",
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
    'ENTRYPOINT ["/bin/busybox"]',
    'CMD ["sleep", "60"]',
  ];
  writeFileSync(at("context", "Dockerfile"), `${lines.join("\n")}\n`);
  const environment = { ...process.env, DOCKER_BUILDKIT: "0" };
  execFileSync("docker", ["build", "--quiet", "--network=none", "-t", `${name}:v1`, at("context")], {
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

async function startRegistry(): Promise<void> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  registryAddress = `127.0.0.1:${port}`;
  writeFileSync(
    at("registry.yml"),
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${at("registry")}}}\nhttp: {addr: "${registryAddress}"}\n`,
  );
  registry = spawn("docker-registry", ["serve", at("registry.yml")], { stdio: "ignore" });
  for (;;) {
    const answer = await fetch(`http://${registryAddress}/v2/`).catch(() => undefined);
    if (answer?.ok) return;
    if (registry.exitCode !== null) throw new Error("docker-registry ended");
  }
}

const plugin = "/var/lib/babel/plugin";
const expectedFiles = [
  { kind: "directory", path: plugin },
  { kind: "file", path: `${plugin}/${"a".repeat(140)}.rhai`, content: "long name" },
  { kind: "file", path: `${plugin}/hard.rhai`, content: "linked content" },
  { kind: "link", path: `${plugin}/link.rhai`, target: "/etc/shadow" },
  { kind: "file", path: `${plugin}/main.rhai`, content: "replaced" },
  { kind: "directory", path: `${plugin}/old` },
  { kind: "file", path: `${plugin}/old/new.rhai`, content: "new" },
];

async function filesOf(files: ReturnType<typeof readFilesFromImage>): Promise<unknown> {
  return (await files).map((file) =>
    file.kind === "file" ? { kind: file.kind, path: file.path, content: file.content.toString() } : file,
  );
}

const sources = (): Readonly<Record<string, string>> => ({
  docker: `docker://${registryAddress}/org/image:v1`,
  "docker-daemon": `docker-daemon://${name}:v1`,
  "docker-archive": `docker-archive:${at("image.tar")}`,
  "docker-archive by name": `docker-archive://${at("image.tar")}:${name}:v1`,
  oci: `oci:${at("oci")}:v1`,
  "oci-archive": `oci-archive:${at("oci.tar")}`,
  dir: `dir:${at("dir")}`,
  "containers-storage": `containers-storage:${storage}localhost/${name}:v1`,
});

for (const form of Object.keys(sources())) {
  test(`${form}: fetched for real, files and configuration as built`, async () => {
    const uri = parseContainerUri(sources()[form]!);
    const store = at(`store-${form}`);
    const image = await fetchToLayout(uri, store);
    assert.equal(image.digest, await resolveDigest(uri));
    assert.deepEqual(image.config, {
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HELLO: "world",
        LIST: "a=b",
      },
      entrypoint: ["/bin/busybox"],
      command: ["sleep", "60"],
      workingDirectory: "/work",
      user: "0:0",
      labels: {},
      architecture: process.arch === "x64" ? "amd64" : process.arch,
    });
    assert.deepEqual(await filesOf(readFilesFromImage(image.layout, [plugin])), expectedFiles);
    assert.deepEqual(readdirSync(join(store, "tmp")), []);
    // The second time nothing is fetched: the source may even be gone.
    assert.deepEqual(await fetchToLayout(uri, store, { digest: image.digest }), image);
  });
}

test("a Docker engine's image is read as a stream, with the same result", async () => {
  const id = await resolveDigest(parseContainerUri(`docker-daemon:${name}:v1`));
  assert.deepEqual(await filesOf(readFilesFromDockerEngine(id, dockerHost(), [plugin])), expectedFiles);
});

test("the manifest of a fetched image says what its layers are, whatever the source calls them", async () => {
  const { layout, layers } = await fetchToLayout(parseContainerUri(`docker-daemon:${name}:v1`), at("store-types"));
  const plain = layers.map((layer) => ({ ...layer, mediaType: "application/vnd.oci.image.layer.v1.tar" }));
  assert.deepEqual(layers, plain);
  execFileSync("umoci", ["raw", "unpack", "--image", `${layout}:image`, at("unpacked")]);
  assert.equal(readFileSync(at("unpacked", plugin, "main.rhai"), "utf8"), "replaced");
});

test("a link above the folder asked for is reported, not followed", async () => {
  const image = await fetchToLayout(parseContainerUri(`oci:${at("oci")}`), at("store-oci"));
  assert.deepEqual(await readFilesFromImage(image.layout, ["/var/lib/linked/plugin"]), [
    { kind: "link", path: "/var/lib/linked", target: "/opt" },
  ]);
  assert.deepEqual(await readFilesFromImage(image.layout, ["/nowhere"]), []);
});

test("reading is bounded", async () => {
  const { layout } = await fetchToLayout(parseContainerUri(`oci:${at("oci")}`), at("store-oci"));
  const limits = { maxFiles: 100, maxFileBytes: 100, maxTotalBytes: 1000 };
  const refused = { code: "image-files-limit" };
  await assert.rejects(readFilesFromImage(layout, [plugin], { ...limits, maxFiles: 3 }), refused);
  await assert.rejects(readFilesFromImage(layout, [plugin], { ...limits, maxFileBytes: 5 }), refused);
  await assert.rejects(readFilesFromImage(layout, [plugin], { ...limits, maxTotalBytes: 10 }), refused);
});

test("callers in several processes that want the same image fetch it once", async () => {
  const store = at("store-concurrent");
  const uri = `docker-daemon:${name}:v1`;
  const script = `import { fetchToLayout, parseContainerUri } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    const lines = [];
    const image = await fetchToLayout(parseContainerUri(${JSON.stringify(uri)}), ${JSON.stringify(store)}, { onProgress: (line) => lines.push(line) });
    console.log(JSON.stringify({ digest: image.digest, fetched: lines.length > 0 }));`;
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  const outputs = await Promise.all(
    children.map(async (child) => {
      const [[chunk]] = await Promise.all([once(child.stdout, "data"), once(child, "exit")]);
      return JSON.parse(String(chunk)) as { digest: string; fetched: boolean };
    }),
  );
  assert.equal(new Set(outputs.map(({ digest }) => digest)).size, 1);
  assert.equal(outputs.filter(({ fetched }) => fetched).length, 1);
});

test("killed while fetching: nothing half-made is taken for an image, and the next fetch succeeds", async () => {
  const store = at("store-killed");
  const script = `import { fetchToLayout, parseContainerUri } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    await fetchToLayout(parseContainerUri(${JSON.stringify(`docker-daemon:${name}:v1`)}), ${JSON.stringify(store)}, { onProgress: () => process.kill(process.pid, "SIGKILL") });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
  const [, signal] = await once(child, "exit");
  assert.equal(signal, "SIGKILL");
  assert.deepEqual(readdirSync(join(store, "layout")), []);
  const image = await fetchToLayout(parseContainerUri(`docker-daemon:${name}:v1`), store);
  assert.deepEqual(await filesOf(readFilesFromImage(image.layout, [plugin])), expectedFiles);
});

test("layers are fetched side by side, and a fetch that was cut goes on with those it has", {
  timeout: 60_000,
}, async () => {
  const store = at("store-cut");
  const asked: string[] = [];
  const layers = JSON.parse(
    execFileSync("skopeo", ["inspect", "--tls-verify=false", `docker://${registryAddress}/org/image:v1`], {
      encoding: "utf8",
    }),
  ).Layers as readonly string[];
  const [last = "", ...others] = layers.toReversed();
  const cut = new AbortController();
  mkdirSync(join(store, "blobs/sha256"), { recursive: true });
  const watcher = watch(join(store, "blobs/sha256"), () => {
    if (others.every((digest) => existsSync(join(store, "blobs/sha256", digest.slice(7))))) cut.abort();
  });
  const allAsked = new EventEmitter();
  // Between skopeo and the registry: no layer comes before all were asked for, the last one never in the first fetch.
  const front = createHttpServer(async (request, response) => {
    const blob = /blobs\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
    if (blob !== undefined && layers.includes(blob) && request.method === "GET") {
      asked.push(blob);
      if (!cut.signal.aborted) {
        if (asked.length < layers.length) await once(allAsked, "all");
        else allAsked.emit("all");
        if (blob === last) return;
      }
    }
    const accept = [request.headers.accept ?? "*/*"].flat().join(", ");
    const answer = await fetch(`http://${registryAddress}${request.url}`, {
      method: request.method ?? "GET",
      headers: { accept },
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }).listen(0, "127.0.0.1");
  try {
    await once(front, "listening");
    const uri = parseContainerUri(`docker://127.0.0.1:${(front.address() as AddressInfo).port}/org/image:v1`);
    await assert.rejects(fetchToLayout(uri, store, { signal: cut.signal }), { code: "aborted" });
    assert.deepEqual(asked.splice(0).toSorted(), layers.toSorted());
    const lines: string[] = [];
    await fetchToLayout(uri, store, { onProgress: (line) => lines.push(line) });
    const name = (digest: string) => digest.slice(7, 19);
    const here = others.map((digest) => `layer ${name(digest)} is here already`);
    assert.deepEqual(lines.toSorted(), [`fetch layer ${name(last)}`, ...here.toSorted()]);
    assert.deepEqual(asked, [last]);
  } finally {
    watcher.close();
    front.close();
    front.closeAllConnections();
  }
});

test("a signature policy admits what is signed as it says, and nothing else", async () => {
  makeSignedImage(at("signed"), { signed: true });
  makeSignedImage(at("unsigned"), { signed: false });
  writeSignaturePolicy(at("policy.json"));
  const fetchFrom = (uri: string) =>
    fetchToLayout(parseContainerUri(uri), at("store-signed"), { signaturePolicy: at("policy.json") });
  for (const uri of [`dir:${at("unsigned")}`, `dir:${at("dir")}`, `oci:${at("oci")}:v1`]) {
    await assert.rejects(fetchFrom(uri), { code: "image-rejected" }, uri);
  }
  assert.equal((await fetchFrom(`dir:${at("signed")}`)).layers.length, 1);
});

test("an image that is cancelled, missing or of no use says so", async () => {
  const fails = (uri: string, code: string, options = {}) =>
    assert.rejects(fetchToLayout(parseContainerUri(uri), at("store-errors"), options), { code }, uri);
  await fails("docker-daemon:bv-no-such-image:v1", "image-not-found");
  await fails(`docker-daemon:${name}:v1`, "docker-unreachable", { dockerHost: `unix://${at("none.sock")}` });
  await fails(`docker://${registryAddress}/org/none:v1`, "image-not-found");
  await fails("docker://127.0.0.1:1/org/none:v1", "registry-unreachable");
  await fails(`oci:${at("none")}`, "image-not-found");
  await fails(`oci:${at("oci")}:v2`, "image-not-found");
  await fails(`oci-archive:${at("none.tar")}`, "image-not-found");
  await fails(`docker-archive:${at("oci.tar")}`, "image-invalid");
  for (const [index, manifest] of ["[", "{}", "[null]", "[{}]", '[{"Config":7}]'].entries()) {
    const folder = at(`saved-${index}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "manifest.json"), manifest);
    execFileSync("tar", ["-cf", `${folder}.tar`, "-C", folder, "manifest.json"]);
    await fails(`docker-archive:${folder}.tar`, "image-invalid");
  }
  await fails(`dir:${at("none")}`, "image-not-found");
  mkdirSync(at("pipe"));
  execFileSync("mkfifo", [at("pipe", "manifest.json"), at("pipe", "index.json"), at("pipe", "archive")]);
  for (const uri of [`dir:${at("pipe")}`, `oci:${at("pipe")}`, `oci-archive:${at("pipe", "archive")}`])
    await fails(uri, "image-invalid");
  await fails(`containers-storage:${storage}localhost/none:v1`, "image-not-found");
  await fails("library://a/b:c", "container-uri-unsupported");
  await fails("/some/definition", "container-uri-unsupported");
  await fails(`oci:${at("oci")}:v1`, "aborted", { signal: AbortSignal.abort() });
  assert.equal(existsSync(at("store-errors", "layout")) && readdirSync(at("store-errors", "layout")).length > 0, false);
});
