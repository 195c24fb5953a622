import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { messageOf } from "../../errno.ts";
import type { JobConfig } from "../../jobs/config.ts";
import { pathsBelow } from "../../paths.ts";
import { currentBoot } from "../../process/identity.ts";
import { ProtocolData } from "../../protocol-data/state.ts";
import { filesLine } from "../format/files-object.ts";
import { hashOf } from "../format/hash.ts";
import { cleanupArchive } from "../index.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { ArchiveEngine } from "../testing/archive-engine.ts";
import { QUICK, treeOf } from "../testing/download-fixture.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { type SampleArchive, sampleBytes, storeSample } from "../testing/sample-archive.ts";
import { runDownloadJob } from "./download-job.ts";

/** A node's folders with its engine's socket. */
class Node {
  readonly log: string[] = [];
  readonly root: string;
  readonly store: FaultyStore;
  readonly engine: ArchiveEngine;
  config: JobConfig = { job_type: { download: { max_connections: 3 } }, restart: "never" };

  private constructor(root: string, store: FaultyStore, engine: ArchiveEngine) {
    this.root = root;
    this.store = store;
    this.engine = engine;
  }

  static async make(t: TestContext, reference = false): Promise<Node> {
    const root = await mkdtemp(join(tmpdir(), "babel-node-"));
    const paths = pathsBelow(root);
    for (const folder of [dirname(paths.conf), paths.runtime, join(paths.jobs, "download"), join(root, "blockjoy")]) {
      await mkdir(folder, { recursive: true });
    }
    const store = await FaultyStore.start();
    const engine = await ArchiveEngine.start(store, paths.engineSocket, { reference });
    t.after(async () => {
      await Promise.all([store.close(), engine.close()]);
      await rm(root, { recursive: true, force: true });
    });
    return new Node(root, store, engine);
  }

  get data(): string {
    return join(this.root, "blockjoy/protocol_data");
  }
  get jobs(): string {
    return join(this.root, "blockjoy/.babel_jobs");
  }
  get folder(): string {
    return join(this.root, "var/lib/babel/jobs/download");
  }

  async publish(files: ReadonlyMap<string, Buffer>, storeKey = "sample-key", dataVersion = 1): Promise<SampleArchive> {
    const sample = await storeSample(this.store, files, { chunkSize: 50_000, storeKey, dataVersion });
    const versions = this.engine.archives.get(storeKey) ?? new Map();
    this.engine.archives.set(storeKey, versions.set(dataVersion, sample));
    return sample;
  }

  get task(): ArchiveTask {
    return {
      name: "download",
      config: this.config,
      folder: this.folder,
      protocolData: new ProtocolData(join(this.root, "blockjoy")),
      conf: this.conf(""),
      engineSocket: pathsBelow(this.root).engineSocket,
      signal: new AbortController().signal,
      log: (line) => void this.log.push(line),
    };
  }

  conf(boot: string): ArchiveTask["conf"] {
    const names = { node_id: "", node_name: "", node_org_id: "", node_version: "", node_variant: "" };
    const host = { bv_host_id: "", bv_host_name: "", bv_api_url: "", node_ip: "", node_ipv6: "", node_gateway: "" };
    const places = { data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data" };
    const node_env = { ...names, ...host, ...places, node_protocol: "test", dev_mode: false, properties: {} };
    return { node_env, secret: "secret", boot_id: boot, ramdisks: [] };
  }

  async services(services: readonly object[]): Promise<void> {
    this.config = { job_type: { multi_client_download: {} }, restart: "never" };
    await writeFile(join(this.folder, "plugin_config.json"), JSON.stringify({ services }));
  }

  run(): Promise<ArchiveResult> {
    return runDownloadJob(this.task, { threads: QUICK, firstWaitMs: 5 });
  }

  cleanup(): Promise<void> {
    return cleanupArchive({ ...this.task, secret: "secret" });
  }
}

const files = new Map([
  ["db/a", sampleBytes(120_000, "a")],
  ["db/empty", Buffer.of()],
  ["x", sampleBytes(30_000, "x")],
]);

for (const reference of [false, true]) {
  test(`a node's archive comes through its engine${reference ? ", one of the reference" : ""}; as a process`, async (t) => {
    const node = await Node.make(t, reference);
    const { header } = await node.publish(files, "sample-key", 4);
    const paths = pathsBelow(node.root);
    await writeFile(join(node.folder, "config.json"), JSON.stringify(node.config));
    await writeFile(paths.conf, JSON.stringify(node.conf(await currentBoot())));
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const child = spawn(process.execPath, [main, "archive", "download"], {
      env: { ...process.env, BABEL_ROOT: node.root },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    const result = JSON.parse(await readFile(join(node.folder, "result.json"), "utf8"));
    assert.deepEqual(result, { store_key: "", data_version: 4, total_size: header.totalSize });
    assert.deepEqual(await treeOf(node.data), files);
  });
}

test("a host that is away is waited for; no archive is said to be none only if the API says so", async (t) => {
  const node = await Node.make(t);
  let calls = 0;
  node.engine.before = () => {
    calls += 1;
    if (calls <= 5) throw new ConnectError("the daemon restarts", Code.Unavailable);
  };
  await assert.rejects(node.run(), { code: "archive-not-found" });
  assert.equal(calls, 6);
  await node.publish(files);
  node.engine.before = () => {
    throw new ConnectError("404 not found in get_download_metadata_for_store_key", Code.PermissionDenied);
  };
  await assert.rejects(node.run(), /404 not found/);
  node.engine.before = () => undefined;
  assert.equal((await node.run()).data_version, 1);
});

test("what the job says of reading data again holds for one archive and for those of services", async (t) => {
  const node = await Node.make(t);
  await node.publish(files);
  const told = () => node.log.filter((line) => line.includes("they were not read again")).length;
  node.config = { job_type: { download: { verify: "full" } }, restart: "never" };
  await node.run();
  assert.equal(told(), 1);
  await node.services([{ name: "reth", store_key: "sample-key" }]);
  node.config = { job_type: { multi_client_download: { verify: "full" } }, restart: "never" };
  await node.run();
  assert.equal(told(), 2);
});

test("modes, links and empty folders are restored from the files object", async (t) => {
  const node = await Node.make(t);
  const sample = await node.publish(files);
  const lines = [
    filesLine({ kind: "file", path: "x", mode: 0o750 }),
    filesLine({ kind: "link", path: "db/current", target: "../x" }),
    filesLine({ kind: "folder", path: "empty/deep", mode: 0o700 }),
    '{"kind":"of a later version"}\n',
  ];
  const content = Buffer.from(lines.join(""));
  node.store.objects.set(node.engine.filesKey(1), content);
  const object = { size: content.length, sha256: await hashOf("sha256", content), codec: "none" as const };
  node.engine.archives.get("sample-key")!.set(1, { ...sample, header: { ...sample.header, files: object } });
  await node.run();
  assert.equal((await stat(join(node.data, "x"))).mode & 0o777, 0o750);
  assert.deepEqual(await readFile(join(node.data, "db/current")), files.get("x"));
  assert.equal((await stat(join(node.data, "empty/deep"))).mode & 0o777, 0o700);
});

test("nothing is done of what a corrupted files object says", async (t) => {
  const node = await Node.make(t);
  const sample = await node.publish(files);
  const content = Buffer.from(
    [
      filesLine({ kind: "folder", path: "empty", mode: 0o755 }),
      filesLine({ kind: "link", path: "current", target: "db/a" }),
    ].join(""),
  );
  const key = node.engine.filesKey(1);
  node.store.objects.set(key, content);
  const object = { size: content.length, sha256: await hashOf("sha256", content), codec: "none" as const };
  node.engine.archives.get("sample-key")!.set(1, { ...sample, header: { ...sample.header, files: object } });
  node.store.fault = (exchange) => {
    const at = content.indexOf(["empty", "current"][exchange.attempt - 1] ?? "no more");
    return exchange.key === key && at !== -1 ? { kind: "flip", at } : undefined;
  };
  await node.run();
  assert.deepEqual((await readdir(node.data)).sort(), ["current", "db", "empty", "x"]);
  assert.equal(existsSync(join(node.jobs, "download/files-object")), false);
});

test("the archive of a node belongs to the user that the job names", async (t) => {
  const node = await Node.make(t);
  await writeFile(join(node.root, "etc/passwd"), "root:x:0:0::/:/bin/sh\nreth:x:4242:4243::/:/bin/sh\n");
  await node.publish(files);
  node.config = { ...node.config, run_as: "reth" };
  await node.run();
  for (const path of ["", "db", "db/a", "db/empty", "x"]) {
    const { uid, gid } = await stat(join(node.data, path));
    assert.deepEqual([uid, gid], [4242, 4243], path);
  }
});

test("links that lead outside through each other are refused, and none is made", async (t) => {
  const node = await Node.make(t);
  const sample = await node.publish(files);
  const content = Buffer.from(
    [
      filesLine({ kind: "link", path: "a/b/up", target: "../.." }),
      filesLine({ kind: "link", path: "l", target: "a/b/up/../.." }),
    ].join(""),
  );
  node.store.objects.set(node.engine.filesKey(1), content);
  const object = { size: content.length, sha256: await hashOf("sha256", content), codec: "none" as const };
  node.engine.archives.get("sample-key")!.set(1, { ...sample, header: { ...sample.header, files: object } });
  await assert.rejects(node.run(), {
    name: "InvalidManifest",
    message: "invalid manifest: link 'l' leads outside of the data, through other links",
  });
  assert.deepEqual((await readdir(node.data)).sort(), ["db", "x"]);
});

test("clients: what has no archive starts without, what fails is told and tried again, what has data is left alone", async (t) => {
  const node = await Node.make(t);
  const geth = await node.publish(files, "geth-key");
  await writeFile(join(node.root, "etc/passwd"), "root:x:0:0::/:/bin/sh\ngeth:x:4242:4243::/:/bin/sh\n");
  await node.publish(new Map([["b", sampleBytes(90_000, "b")]]), "beacon-key", 3);
  await node.publish(files, "own-key");
  await mkdir(join(node.data, "own"), { recursive: true });
  await writeFile(join(node.data, "own/mine"), "mine");
  await node.services([
    { name: "geth", store_key: "geth-key", run_as: "geth" },
    { name: "beacon", store_key: "beacon-key", data_dir: "consensus/data", archive: false },
    { name: "none", store_key: "no-such-key", use_protocol_data: true },
    { name: "own", store_key: "own-key" },
    { name: "unarchived", store_key: null },
    { name: "stateless", store_key: "geth-key", use_protocol_data: false },
  ]);
  node.store.fault = ({ key }) => (key.startsWith("beacon-key") ? { kind: "flip", at: 9 } : undefined);
  const failure = await node.run().then(
    () => "",
    (error: unknown) => messageOf(error),
  );
  assert.match(
    failure,
    /^Some client downloads failed:\n {2}- beacon: corrupted chunk beacon-key\/3\/data.part_0 v3 \(b\)/,
  );
  const records = async () =>
    Promise.all(
      ["beacon", "geth", "none"].map(async (name) => {
        const { state } = JSON.parse(await readFile(join(node.jobs, "download", name, "client.json"), "utf8"));
        return [name, state, existsSync(join(node.jobs, "download", name, "INCOMPLETE"))];
      }),
    );
  assert.deepEqual(await records(), [
    ["beacon", "in_progress", true],
    ["geth", "complete", false],
    ["none", "absent", false],
  ]);
  assert.equal(existsSync(join(node.jobs, "data-complete.json")), false);

  for (const path of ["geth", "geth/db", "geth/db/a"]) {
    const { uid, gid } = await stat(join(node.data, path));
    assert.deepEqual([uid, gid], [4242, 4243], path);
  }

  // What appears later is not downloaded over what was synced meanwhile.
  await node.publish(files, "no-such-key");
  await writeFile(join(node.data, "geth/x"), "synced");
  node.store.fault = () => undefined;
  assert.deepEqual(await node.run(), {
    store_key: "geth-key,beacon-key,no-such-key,own-key",
    data_version: 3,
    total_size: geth.header.totalSize + 90_000,
  });
  const tree = await treeOf(node.data);
  assert.deepEqual([...tree.keys()].sort(), ["consensus/data/b", "geth/db/a", "geth/db/empty", "geth/x", "own/mine"]);
  assert.equal(tree.get("geth/x")?.toString(), "synced");

  await node.services([]);
  assert.equal((await node.run()).total_size, 0);
  await rm(join(node.folder, "plugin_config.json"));
  await assert.rejects(node.run(), /^Failure: Multi-client download requires plugin configuration at /);
});

test("clients: a record that cannot be read holds nothing up: complete data is left alone, other data is completed", async (t) => {
  const node = await Node.make(t);
  await node.publish(files, "geth-key");
  await node.publish(new Map([["b", sampleBytes(90_000, "b")]]), "beacon-key");
  await node.services([
    { name: "geth", store_key: "geth-key" },
    { name: "beacon", store_key: "beacon-key" },
    { name: "none", store_key: "no-such-key" },
  ]);
  node.store.fault = ({ key }) => (key.startsWith("beacon-key") ? { kind: "flip", at: 9 } : undefined);
  await assert.rejects(node.run(), /corrupted chunk/);
  node.store.fault = () => undefined;
  for (const [name, text] of [
    ["geth", '{"client":"ge'],
    ["beacon", "null"],
    ["none", "\0\0\0"],
  ] as const) {
    await writeFile(join(node.jobs, "download", name, "client.json"), text);
  }
  await writeFile(join(node.data, "geth/x"), "synced");
  assert.equal((await node.run()).total_size, 150_000 + 90_000);
  const tree = await treeOf(node.data);
  assert.deepEqual([...tree.keys()].sort(), ["beacon/b", "geth/db/a", "geth/db/empty", "geth/x"]);
  assert.equal(tree.get("geth/x")?.toString(), "synced");
  assert.equal(node.log.filter((line) => line.endsWith("cannot be read; the state beside it decides")).length, 3);
});

test("cleanup removes what is partial, and keeps what is complete or belongs to others", async (t) => {
  const node = await Node.make(t);
  const sample = await node.publish(files);
  await mkdir(node.data, { recursive: true });
  await writeFile(join(node.data, "other"), "mine");
  await mkdir(join(node.jobs, "once"), { recursive: true });
  await writeFile(join(node.jobs, "once/status.json"), "{}");
  node.store.fault = ({ key }) => (key.endsWith("_0") ? { kind: "flip", at: 3 } : undefined);
  await assert.rejects(node.run(), /corrupted chunk/);
  await node.cleanup();
  assert.deepEqual([...(await treeOf(node.data)).keys()], ["other"]);
  assert.deepEqual((await readdir(node.jobs, { recursive: true })).sort(), ["once", "once/status.json"]);

  node.store.fault = () => undefined;
  await node.run();
  await node.cleanup();
  assert.deepEqual(await treeOf(node.data), new Map([...sample.files, ["other", Buffer.from("mine")]]));
  assert.deepEqual(await readdir(node.jobs), ["once"]);
});

test("state of the reference is put aside; cleanup removes the files that it names, and no others", async (t) => {
  const node = await Node.make(t);
  await node.publish(files);
  await mkdir(join(node.data, "db"), { recursive: true });
  await writeFile(join(node.data, "db/old"), "partial");
  await writeFile(join(node.root, "outside"), "not part of it");
  const line = (index: number, path: string): string =>
    JSON.stringify({
      index,
      key: "k",
      url: null,
      checksum: { sha1: Array(20).fill(0) },
      size: 1,
      destinations: [{ path, pos: 0, size: 1 }],
    });
  await mkdir(node.jobs, { recursive: true });
  await writeFile(
    join(node.jobs, "download.metadata"),
    '{"total_size":9,"compression":{"ZSTD":3},"chunks":3,"data_version":1}',
  );
  await writeFile(join(node.jobs, "download.chunks"), `${JSON.stringify([1, 2])}\n{"torn`);
  await writeFile(join(node.jobs, "download.parts"), `${line(0, "db/old")}\n${line(1, "../../outside")}\n{"torn`);
  await node.run();
  assert.deepEqual(await readdir(node.jobs), ["download"]);
  assert.ok(node.log.some((each) => each.startsWith("an older babel left download.chunks")));
  assert.deepEqual(await treeOf(node.data), new Map([...files, ["db/old", Buffer.from("partial")]]));
  await node.cleanup();
  assert.deepEqual(await treeOf(node.data), files);
  assert.equal(await readFile(join(node.root, "outside"), "utf8"), "not part of it");

  // Before any job of ours had them, and cut by a power loss.
  await writeFile(join(node.jobs, "download.metadata"), '{"total_size":9,"chu');
  await writeFile(join(node.jobs, "download.parts"), line(0, "db/old"));
  await mkdir(join(node.data, "db"), { recursive: true });
  await writeFile(join(node.data, "db/old"), "partial");
  await node.cleanup();
  assert.deepEqual(await treeOf(node.data), files);
  assert.deepEqual(await readdir(node.jobs), []);
});
