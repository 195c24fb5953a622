import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cleanupArchive } from "../index.ts";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";
import { cleanupUpload } from "./cleanup.ts";

const sorted = <T>(tree: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
  new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));

/** In each of twenty folders. */
const SMALL_FILES = Number(process.env["UPLOAD_SMALL_FILES"] ?? 150);

test("thousands of small files", async (t) => {
  const fixture = await UploadFixture.make(t);
  for (let folder = 0; folder < 20; folder++) {
    await mkdir(join(fixture.data, `d${folder}`));
    for (let i = 0; i < SMALL_FILES; i++) await writeFile(join(fixture.data, `d${folder}/${i}`), `${folder} ${i}`);
  }
  fixture.configure({ number_of_chunks: 3 });
  await fixture.run();
  assert.equal((await fixture.decoded()).size, 20 * SMALL_FILES);
  assert.deepEqual(await fixture.decoded(), sorted(await treeOf(fixture.data)));
});

test("a big sparse file costs neither memory nor the store", async (t) => {
  const fixture = await UploadFixture.make(t);
  const size = 1_000_000_000;
  const file = await open(join(fixture.data, "sparse"), "w");
  await file.truncate(size);
  await file.write("in the middle", size / 2);
  await file.close();
  fixture.configure({ number_of_chunks: 4 });
  const { child, ended } = await fixture.spawn();
  let peak = 0;
  const watch = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, "utf8").then(
      (status) => (peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0))),
      () => undefined,
    );
  }, 20);
  const { code, output } = await ended;
  clearInterval(watch);
  assert.equal(code, 0, output);
  assert.ok(fixture.store.counters.received < 1_000_000);
  assert.ok(peak > 0 && peak < 300 * 1024, `${peak} KiB`);
  const { header, chunks } = fixture.engine.newest!;
  assert.equal(header.totalSize, size);
  const middle = chunks[2]!;
  const [content] = [fixture.store.objects.get(middle.key)!].map((input) =>
    execFileSync("zstd", ["-dcq"], { input, maxBuffer: 2 ** 31 - 1 }),
  );
  assert.equal(
    content!
      .subarray(size / 2 - middle.destinations[0]!.pos)
      .subarray(0, 13)
      .toString(),
    "in the middle",
  );
});

test("without compression the stored bytes are the data", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ a: sampleBytes(700_000, "a"), "d/b": sampleBytes(100_000, "b"), empty: "" });
  fixture.config = { job_type: { upload: { number_of_chunks: 3 } }, restart: "never" };
  let broken = false;
  fixture.store.fault = () => {
    if (broken) return undefined;
    broken = true;
    return { kind: "reset", after: 100_000 };
  };
  await fixture.run();
  assert.deepEqual(await fixture.decoded(), sorted(await treeOf(fixture.data)));
  assert.deepEqual(fixture.engine.newest!.header.compression, { codec: "none" });
});

test("cleanup forgets the upload and gives its version up; without a host it forgets it all the same", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ a: sampleBytes(700_000, "a") });
  fixture.store.fault = () => ({ kind: "status", status: 409 });
  await assert.rejects(fixture.run());
  assert.deepEqual((await readdir(fixture.state)).sort(), ["journal", "plan", "spool", "upload-id"]);
  await cleanupArchive({ ...fixture.task, secret: "secret" });
  assert.deepEqual(fixture.engine.released, [1]);
  assert.deepEqual(await readdir(join(fixture.state, "..")), []);

  await assert.rejects(fixture.run());
  await fixture.engine.close();
  await cleanupUpload({ ...fixture.task, secret: "secret" }, 100);
  // The version is still reserved: the next upload is to get it.
  assert.deepEqual(await readdir(fixture.state), ["upload-id"]);
});

test("services are uploaded each on its own; one that fails does not stop the others", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ "one/a": sampleBytes(300_000, "a"), "two/b": sampleBytes(300_000, "b"), "three/c": "x" });
  await fixture.write({ "one/skip.log": "x" });
  fixture.config = { job_type: { multi_client_upload: {} }, restart: "never" };
  const services = [
    { name: "first", data_dir: "one", store_key: "first-key", use_protocol_data: true, archive: true },
    { name: "two", data_dir: null, store_key: "second-key", use_protocol_data: true, archive: true },
    { name: "three", store_key: "third-key", use_protocol_data: true, archive: false },
    { name: "four", store_key: null, use_protocol_data: true, archive: true },
  ];
  const plugin = { services, upload: { exclude: ["*.log"], compression: { ZSTD: 1 }, number_of_chunks: 2 } };
  await writeFile(join(fixture.task.folder, "plugin_config.json"), JSON.stringify(plugin));
  fixture.store.fault = ({ key }) => (key.startsWith("second-key") ? { kind: "status", status: 409 } : undefined);
  await assert.rejects(fixture.run(), {
    message:
      "Multi-client upload failed: Client 'two' upload failed: server responded with 409\n1 of 2 clients are uploaded",
  });
  assert.deepEqual(
    [...fixture.engine.archives.keys()].filter((key) => fixture.engine.archives.get(key)!.size > 0),
    ["first-key"],
  );
  const { chunks } = fixture.engine.archives.get("first-key")!.get(1)!;
  assert.deepEqual([...new Set(chunks.flatMap(({ destinations }) => destinations.map(({ path }) => path)))], ["a"]);

  fixture.store.fault = () => undefined;
  const result = await fixture.run();
  assert.deepEqual(result, { store_key: "first-key,second-key", data_version: 1, total_size: 600_000 });
  assert.deepEqual([...fixture.engine.archives.get("first-key")!.keys()], [1]);
  const { total, current, message } = await fixture.progress();
  assert.deepEqual([total, current, message], [2, 2, "chunks (2 clients)"]);

  // A note of what is uploaded that cannot be read holds nothing up.
  fixture.store.fault = ({ key }) => (key.startsWith("second-key") ? { kind: "status", status: 409 } : undefined);
  await assert.rejects(fixture.run());
  await writeFile(join(fixture.state, "first/uploaded.json"), '{"gener');
  fixture.store.fault = () => undefined;
  assert.equal((await fixture.run()).total_size, 600_000);
  // What a service says of its archive goes before what is said for all. (plugin-api §3)
  const own = { exclude: ["b"], compression: "NONE", number_of_chunks: null, allow_empty: true };
  const [first, two] = services;
  const changed = { ...plugin, services: [first, { ...two, upload: own }] };
  await writeFile(join(fixture.task.folder, "plugin_config.json"), JSON.stringify(changed));
  assert.equal((await fixture.run()).total_size, 300_000);
  const newest = ["first-key", "second-key"].map((key) => [...fixture.engine.archives.get(key)!.values()].at(-1)!);
  assert.deepEqual(
    newest.map(({ header, chunks }) => [header.compression, header.totalSize, chunks.length]),
    [
      [{ codec: "zstd", level: 1 }, 300_000, 2],
      [{ codec: "none" }, 0, 0],
    ],
  );
  assert.ok(fixture.log.some((line) => line.endsWith("uploaded.json cannot be read; the client is uploaded again")));
});
