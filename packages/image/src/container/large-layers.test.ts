import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { blobPath, fetchToLayout, parseContainerUri, readLayout } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-large-"));
const at = (...parts: string[]): string => join(directory, ...parts);
const login = at("login.json");
const user = Buffer.from("somebody:secret").toString("base64");
const MB = 1024 * 1024;

let registry: ChildProcess;
let registryPort = 0;
let front: Server;
let address = "";
let large = "";
let size = 0;

/** What the front does with the requests for the large layer that come, in turn: bytes until it falls silent, or hangs up; else it serves all. */
let cuts: { readonly after: number; readonly how: "stall" | "hang up" }[] = [];
let ignoresRanges = false;
/** Ranges that were asked for of the large layer. */
const asked: (string | undefined)[] = [];

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Between the world and the real registry: wants a token, and breaks off as it is told. */
function makeFront(): Server {
  return createHttpServer((request, response) => {
    const { authorization, range } = request.headers;
    if (request.url?.startsWith("/token")) {
      response.writeHead(authorization === `Basic ${user}` ? 200 : 401);
      response.end(JSON.stringify({ token: "t0ken" }));
      return;
    }
    if (authorization !== "Bearer t0ken") {
      const challenge = `Bearer realm="http://${address}/token",service="test",scope="repository:org/image:pull"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return;
    }
    const isLarge = request.method === "GET" && request.url?.endsWith(large) === true && large !== "";
    if (isLarge) asked.push(range);
    const cut = isLarge ? cuts.shift() : undefined;
    const { authorization: _, range: __, ...plain } = request.headers;
    const headers = ignoresRanges || range === undefined ? plain : { ...plain, range };
    const passed = httpRequest({ port: registryPort, path: request.url, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      let sent = 0;
      answer.on("data", (part: Buffer) => {
        if (cut !== undefined && sent + part.length > cut.after) {
          answer.destroy();
          if (cut.how === "hang up") response.destroy();
          return;
        }
        sent += part.length;
        response.write(part);
      });
      answer.on("end", () => response.end());
    });
    passed.end();
  });
}

before(async () => {
  registryPort = await freePort();
  const store = `{filesystem: {rootdirectory: ${at("registry")}}}`;
  const settings = `version: 0.1\nlog: {level: error}\nstorage: ${store}\nhttp: {addr: "127.0.0.1:${registryPort}"}\n`;
  writeFileSync(at("registry.yml"), settings);
  registry = spawn("docker-registry", ["serve", at("registry.yml")], { stdio: "ignore" });
  while (!(await fetch(`http://127.0.0.1:${registryPort}/v2/`).catch(() => undefined))?.ok)
    assert.equal(registry.exitCode, null, "docker-registry ended");
  const umoci = (...args: string[]) => execFileSync("umoci", args, { stdio: ["ignore", "ignore", "inherit"] });
  mkdirSync(at("content"));
  writeFileSync(at("content", "big"), randomBytes(6 * MB));
  umoci("init", "--layout", at("layout"));
  umoci("new", "--image", `${at("layout")}:v1`);
  umoci("insert", "--image", `${at("layout")}:v1`, at("content"), "/");
  const target = `docker://127.0.0.1:${registryPort}/org/image:v1`;
  execFileSync("skopeo", ["copy", "--dest-tls-verify=false", `oci:${at("layout")}:v1`, target], { stdio: "ignore" });
  front = makeFront().listen(0, "127.0.0.1");
  await once(front, "listening");
  address = `127.0.0.1:${(front.address() as AddressInfo).port}`;
  writeFileSync(login, JSON.stringify({ auths: { [address]: { auth: user } } }), { mode: 0o600 });
});
after(async () => {
  front.close();
  front.closeAllConnections();
  registry.kill();
  await once(registry, "exit");
  rmSync(directory, { recursive: true, force: true });
});

const fetchTo = async (store: string, onProgress?: (line: string) => void) => {
  const uri = parseContainerUri(`docker://${address}/org/image:v1`);
  return fetchToLayout(uri, store, { authFile: login, ...(onProgress ? { onProgress } : {}) });
};

/** Fetches the layer's digest out of the image that is there, and checks that all of it is. */
async function checked(store: string): Promise<void> {
  const image = await fetchTo(store);
  const [layer] = image.layers;
  assert.ok(layer);
  assert.equal(statSync(blobPath(image.layout, layer.digest)).size, layer.size);
  execFileSync("sha256sum", ["--check", "--status"], {
    input: `${layer.digest.slice(7)}  ${blobPath(image.layout, layer.digest)}\n`,
  });
  assert.deepEqual(readdirSync(join(store, "partial")), []);
}

test("a large layer that was cut goes on where it ended, after kill -9 and when connections break (DB-5.1)", async () => {
  const [layer] = (await readLayout(await layoutOfContent())).layers;
  large = layer?.digest ?? "";
  size = layer?.size ?? 0;
  assert.ok(size > 6 * MB);
  const store = at("cut");
  const partial = join(store, "partial", large.slice(7));
  mkdirSync(join(store, "partial"), { recursive: true });
  cuts = [{ after: 3 * MB, how: "stall" }];
  const script = `
    import { fetchToLayout, parseContainerUri } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    await fetchToLayout(parseContainerUri("docker://${address}/org/image:v1"), ${JSON.stringify(store)}, { authFile: ${JSON.stringify(login)} });`;
  const come = Promise.withResolvers<void>();
  const watcher = watch(join(store, "partial"), () => {
    if (existsSync(partial) && statSync(partial).size > 2 * MB) come.resolve();
  });
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  await come.promise;
  watcher.close();
  child.kill("SIGKILL");
  await once(child, "exit");
  const kept = statSync(partial).size;

  cuts = [{ after: MB, how: "hang up" }];
  const lines: string[] = [];
  await fetchTo(store, (line) => lines.push(line));
  await checked(store);
  const offsets = asked.splice(0).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1]));
  assert.deepEqual([offsets.length, offsets[0], offsets[1]], [3, 0, kept]);
  assert.ok((offsets[2] ?? 0) > kept && (offsets[2] ?? size) < size, String(offsets));
  const short = large.slice(7, 19);
  assert.deepEqual(lines, [
    `fetch layer ${short}, of which ${kept} of ${size} bytes are here`,
    `layer ${short} is here already`,
  ]);
});

test("a registry that sends no ranges sends all of it again; what is not what it should be is not taken", async () => {
  for (const [store, withRanges] of [
    [at("all"), false],
    [at("wrong"), true],
  ] as const) {
    ignoresRanges = !withRanges;
    mkdirSync(join(store, "partial"), { recursive: true });
    writeFileSync(join(store, "partial", large.slice(7)), randomBytes(MB));
    await fetchTo(store);
    await checked(store);
    // Of the second, skopeo has fetched what was wrong.
    assert.deepEqual(asked.splice(0), withRanges ? [`bytes=${MB}-`, undefined] : [`bytes=${MB}-`]);
  }
});

test("while nobody answers any more it says so, and keeps what has come", async () => {
  const store = at("gone");
  cuts = [
    { after: 2 * MB, how: "hang up" },
    ...Array.from({ length: 3 }, () => ({ after: 0, how: "hang up" }) as const),
  ];
  await assert.rejects(fetchTo(store), { code: "registry-unreachable" });
  const [name = ""] = readdirSync(join(store, "partial"));
  assert.equal(name, large.slice(7));
  assert.ok(statSync(join(store, "partial", name)).size > MB);
});

/** A layout of the image as `fetchToLayout` makes it, from the folder it was pushed from. */
async function layoutOfContent(): Promise<string> {
  return (await fetchToLayout(parseContainerUri(`oci:${at("layout")}:v1`), at("from-folder"))).layout;
}
