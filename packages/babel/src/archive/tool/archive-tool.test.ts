import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { ProtocolData } from "../../protocol-data/state.ts";
import { builtAgent } from "../../testbed/agent.ts";
import { DownloadFixture, treeOf } from "../testing/download-fixture.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { ToolProcess } from "../testing/tool-process.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

test("a node whose data are fetched from outside knows at any moment whether they are all there", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["a", sampleBytes(300_000, "a")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 50_000, compression: { codec: "none" } });
  const source = sampleSource(fixture.store, sample);
  const mount = join(dirname(fixture.data), "volume");
  const [data, state] = [join(mount, "protocol_data"), join(dirname(fixture.data), "tool")];
  const plan = join(mount, ".babel_jobs/download/plan.json");
  const node = new ProtocolData(mount);
  const before = { source: "download", store_key: "old", data_version: 1, total_size: 1, finished_at: 1 };
  for (const folder of [data, dirname(plan)]) await mkdir(folder, { recursive: true });
  await writeFile(join(data, "a"), "what was there before");
  await writeFile(plan, "{}");
  await node.finish(before);
  const fetch = (of = source) =>
    new ToolProcess(
      join(bundle.folder, bundle.description.version),
      ["fetch", "--name", "sample", "--data", data, "--state", state, "--mount", mount, "--max-connections", "1"],
      of,
    );

  const none = fetch({ ...source, version: async () => undefined });
  await none.ended;
  assert.equal(none.result?.["kind"], "absent");
  assert.deepEqual((await node.read()).complete, before, "nothing was touched");

  const reached = new Promise<void>((resolve) => {
    let requests = 0;
    fixture.store.fault = () => {
      requests += 1;
      // By then one chunk is recorded as done.
      if (requests < 3) return undefined;
      resolve();
      return { kind: "slow", bytesPerSecond: 1000 };
    };
  });
  const cut = fetch();
  await reached;
  cut.child.kill("SIGKILL");
  await cut.ended;
  const { incomplete, initialized, complete } = await node.read();
  assert.deepEqual([incomplete, initialized, complete], [true, false, undefined]);
  assert.deepEqual(await readdir(dirname(plan)), [], "a job of the node begins anew");

  const words = ["--name", "sample", "--data", data, "--state", join(mount, "other"), "--mount", mount];
  const half = new ToolProcess(
    join(bundle.folder, bundle.description.version),
    ["push", ...words, "--engine-socket", "/nowhere"],
    source,
  );
  assert.equal(await half.ended, 1);
  assert.match(String(half.result?.["message"]), /^the data are incomplete: /);
  // One does, and is cut, too: what the fetch recorded is no longer so.
  await node.begin("download");
  await writeFile(join(data, "a"), Buffer.alloc(300_000));
  fixture.store.fault = () => undefined;
  const whole = fetch();
  assert.equal(await whole.ended, 0, JSON.stringify(whole.result));
  assert.ok((await readFile(join(data, "a"))).equals(files.get("a")!));
  const { complete: record, initialized: usable } = await node.read();
  assert.deepEqual(
    [usable, { ...record, finished_at: 1 }],
    [true, { ...before, store_key: "sample", data_version: 1, total_size: 300_000 }],
  );

  // The node lives on the data: the next fetch brings the archive again, and not what it was told of last time.
  const live = await open(join(data, "a"), "r+");
  await live.write("LIVE DATA", 1000);
  await live.close();
  const asked = fixture.store.counters.requests;
  const again = fetch();
  assert.equal(await again.ended, 0, JSON.stringify(again.result));
  assert.deepEqual(await treeOf(data), files);
  assert.equal(fixture.store.counters.requests, asked + 1, "the chunk that changed, and no other");
  const newer = fetch(sampleSource(fixture.store, sample, { dataVersion: 2 }));
  assert.equal(await newer.ended, 0, JSON.stringify(newer.result));
  assert.deepEqual([newer.result?.["data_version"], (await node.read()).complete?.data_version], [2, 2]);
  assert.equal(fixture.store.counters.requests, asked + 1);

  await rm(join(mount, ".babel_jobs"), { recursive: true });
  await symlink(dirname(fixture.data), join(mount, ".babel_jobs"));
  const trap = fetch();
  assert.equal(await trap.ended, 1);
  assert.match(String(trap.result?.["message"]), /\.babel_jobs is not a folder/);
});

test("who is attended ends in order when the other end is gone, the same command goes on, and a push has to wait for it", async (t) => {
  const { task } = await UploadFixture.make(t);
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["a", sampleBytes(300_000, "a")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 50_000, compression: { codec: "none" } });
  const source = sampleSource(fixture.store, sample);
  const state = join(dirname(fixture.data), "tool");
  const words = ["--attended", "--name", "sample", "--data", fixture.data, "--state", state];
  const tool = (...given: string[]) =>
    new ToolProcess(join(bundle.folder, bundle.description.version), [...given, ...words], source);
  const fetch = () => tool("fetch");
  const push = () => tool("push", "--engine-socket", task.engineSocket);
  const reached = new Promise<void>((resolve) => {
    fixture.store.fault = () => {
      resolve();
      return { kind: "slow", bytesPerSecond: 1000 };
    };
  });
  const left = fetch();
  await reached;
  left.child.stdin?.end();
  assert.equal(await left.ended, 1, JSON.stringify(left.result));
  fixture.store.fault = () => undefined;
  const half = push();
  assert.equal(await half.ended, 1);
  assert.match(String(half.result?.["message"]), /^the data are incomplete: /);
  assert.equal(await fetch().ended, 0);
  assert.deepEqual(await treeOf(fixture.data), files);

  const whole = push();
  assert.equal(await whole.ended, 0, JSON.stringify(whole.result));
  assert.equal(whole.result?.["total_size"], 300_000);
  const asked = fixture.store.counters.requests;
  assert.equal(await fetch().ended, 0);
  assert.equal(fixture.store.counters.requests, asked, "what the fetch knows outlives a push");
});

test("a store with a certificate of a private authority is trusted if the host says so, and not otherwise (9.7)", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const folder = dirname(fixture.data);
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "private.crt")];
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=private".split(" ");
  const names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate];
  execFileSync("openssl", [...request, ...names], { stdio: "ignore" });
  const server = createServer({ key: await readFile(key), cert: await readFile(certificate) }, ({ url }, response) =>
    response.end(fixture.store.objects.get((url ?? "").slice(1))),
  ).listen(0, "localhost");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const files = new Map([["a", sampleBytes(100_000, "a")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 50_000 });
  const source = sampleSource({ url: (key: string) => `https://localhost:${port}/${key}` }, sample);
  const command = bundle.description.archive.slice(0, -1).map((word) => word.replaceAll("{dir}", bundle.folder));
  const fetch = (env: NodeJS.ProcessEnv, listen: (line: string) => void = () => undefined) => {
    const args = ["fetch", "--name", "sample", "--data", fixture.data, "--state", join(folder, "tool")];
    return new ToolProcess("", args, source, ({ line }) => listen(String(line)), command, { ...process.env, ...env });
  };

  const refused: string[] = [];
  const stranger = fetch({ NODE_EXTRA_CA_CERTS: certificate, BABEL_ROOT: join(folder, "root") }, (line) => {
    if (!/self-signed certificate/.test(line)) return;
    // A second signal would not wait for it to end in order.
    if (refused.push(line) === 1) stranger.child.kill("SIGTERM");
  });
  assert.equal(await stranger.ended, 1, "what the image says of its programs is not for babel");
  assert.notEqual(refused.length, 0);

  // Where the host puts it in a node, and where an operator says.
  const run = join(folder, "root/var/lib/babel/run");
  await mkdir(run, { recursive: true });
  await writeFile(join(run, "ca.pem"), await readFile(certificate));
  for (const env of [{ BABEL_ROOT: join(folder, "root") }, { BABEL_CA_FILE: certificate }]) {
    const trusting = fetch(env);
    assert.equal(await trusting.ended, 0, JSON.stringify(trusting.result));
    assert.deepEqual(await treeOf(fixture.data), files);
    for (const path of [fixture.data, join(folder, "tool")]) await rm(path, { recursive: true });
  }
});
