import assert from "node:assert/strict";
import { appendFile, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

const FILES = Object.fromEntries(
  Array.from({ length: 8 }, (_, i) => [`db/${i}`, sampleBytes(200_000, String(i))] as const),
);

const changes: Readonly<Record<string, (data: string) => Promise<void>>> = {
  grows: (data) => appendFile(join(data, "db/3"), sampleBytes(50_000, "more")),
  shrinks: (data) => truncate(join(data, "db/3"), 1000),
  "becomes empty": (data) => truncate(join(data, "db/3"), 0),
  vanishes: (data) => rm(join(data, "db/3")),
  "is replaced by another with the same size and time": async (data) => {
    await writeFile(join(data, "db/new"), sampleBytes(200_000, "new"));
    await utimes(join(data, "db/new"), 1, 1);
    await utimes(join(data, "db/3"), 1, 1);
    await rename(join(data, "db/new"), join(data, "db/3"));
  },
  "is written in place": (data) => writeFile(join(data, "db/3"), sampleBytes(200_000, "other")),
  "becomes a link to a secret": async (data) => {
    await rm(join(data, "db/3"));
    await symlink("/etc/passwd", join(data, "db/3"));
  },
  "gets a neighbour": (data) => writeFile(join(data, "db/35"), sampleBytes(10_000, "fresh")),
};

for (const [name, change] of Object.entries(changes)) {
  test(`a file that ${name} while it is uploaded: only its chunks are read again, and nothing mixed is published`, async (t) => {
    const fixture = await UploadFixture.make(t);
    await fixture.write(FILES);
    fixture.configure({ number_of_chunks: 8, max_connections: 1, max_runners: 1 });
    let changed = 0;
    const puts: string[] = [];
    // In the middle: half of the chunks are stored, among them that of the file.
    fixture.store.fault = ({ key }) => {
      puts.push(key);
      if (puts.length === 7) changed += 1;
      return puts.length === 7 ? { kind: "slow", bytesPerSecond: 1e9 } : undefined;
    };
    const changing = (async () => {
      while (changed === 0) await new Promise((resolve) => setImmediate(resolve));
      await change(fixture.data);
    })();
    await fixture.run();
    await changing;
    const expected = await treeOf(fixture.data);
    assert.deepEqual(await fixture.decoded(), new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))));
    const parts = puts.filter((key) => key.includes("part_"));
    assert.ok(parts.length > 0 && parts.length <= 8 + 2, `${parts.length} chunks were sent`);
    assert.equal(
      fixture.engine.newest!.chunks.some(({ destinations }) => destinations.length === 0),
      false,
    );
  });
}

test("what append_only files grow by while they are uploaded is left out, and nothing is read again; a cut one is planned anew (§9.6)", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ ...FILES, "logs/a.log": sampleBytes(200_000, "log") });
  const before = await treeOf(fixture.data);
  fixture.configure({ number_of_chunks: 9, max_connections: 1, max_runners: 1, append_only: ["*.log"] });
  const log = join(fixture.data, "logs/a.log");
  const parts: string[] = [];
  fixture.store.fault = async ({ key }) => {
    if (key.includes("part_")) parts.push(key);
    // At each chunk: more than a file at rest may change.
    await appendFile(log, "one more line\n");
    return undefined;
  };
  await fixture.run();
  const sorted = (tree: ReadonlyMap<string, Buffer>) => new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
  assert.deepEqual([await fixture.decoded(), parts.length], [sorted(before), 9]);
  assert.equal(
    fixture.log.some((line) => line.startsWith("files changed")),
    false,
  );

  /** Another file changes with the last chunk, and the log as well. */
  const changed = async (logChanges: () => Promise<void>) => {
    const planned = await treeOf(fixture.data);
    let sent = 0;
    fixture.store.fault = async ({ key }) => {
      if (key.includes("part_")) sent += 1;
      if (sent === 9) await Promise.all([appendFile(join(fixture.data, "db/3"), "more"), logChanges()]);
      return undefined;
    };
    await fixture.run();
    const [found, now] = [await fixture.decoded(), await treeOf(fixture.data)];
    assert.deepEqual(found.get("db/3"), now.get("db/3"));
    return { planned: planned.get("logs/a.log")!, now: now.get("logs/a.log")!, found: found.get("logs/a.log")! };
  };
  const grown = await changed(() => appendFile(log, "one more line\n"));
  assert.ok(grown.found.equals(grown.planned) && grown.now.length > grown.planned.length);
  const cut = await changed(() => truncate(log, 100_000));
  assert.ok(cut.found.equals(cut.now) && cut.now.length === 100_000);
});

test("data that is used meanwhile is not published", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  await fixture.protocolData.touch();
  fixture.store.fault = async ({ key }) => {
    if (key.endsWith("part_0")) await fixture.protocolData.touch();
    return undefined;
  };
  await assert.rejects(fixture.run(), { message: "the data came into use while it was uploaded: stop what uses it" });
  assert.equal(fixture.engine.versions.size, 0);
  fixture.store.fault = () => undefined;
  assert.equal((await fixture.run()).data_version, 1);
  assert.ok(fixture.log.includes("the data was in use since the last attempt: everything is read again"));
});

test("a file that never comes to rest is named", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  let stop = false;
  let writing: Promise<void> | undefined;
  fixture.store.fault = () => {
    if (!stop) writing = appendFile(join(fixture.data, "db/7"), "x");
    return undefined;
  };
  await assert.rejects(fixture.run(), { message: 'data changed while uploading: 1 files, e.g. "db/7"' });
  stop = true;
  await writing;
  assert.equal(fixture.engine.versions.size, 0);
  assert.equal((await fixture.run()).data_version, 1);
});

test("nothing to upload is an error, unless an empty archive is asked for", async (t) => {
  const fixture = await UploadFixture.make(t);
  await assert.rejects(fixture.run(), { code: "upload-empty", message: "nothing to upload" });
  fixture.configure({ exclude: ["**/*"] });
  await fixture.write({ a: "x" });
  await assert.rejects(fixture.run(), { code: "upload-empty" });
  fixture.configure({ exclude: ["**/*"], allow_empty: true });
  assert.deepEqual(await fixture.run(), {
    store_key: "the archive of the node's image",
    data_version: 1,
    total_size: 0,
  });
  assert.deepEqual(fixture.engine.newest!.chunks, []);
});

test("what can not be archived is refused by name", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write(FILES);
  fixture.configure({ compression: { ZSTD: 23 } });
  await assert.rejects(fixture.run(), { code: "compression-invalid", message: "zstd has no level 23" });
  fixture.configure({ exclude: ["a["] });
  await assert.rejects(fixture.run(), { code: "exclude-invalid" });
  fixture.configure({ number_of_chunks: 0 });
  await assert.rejects(fixture.run(), { message: "invalid number of chunks - need at leas one" });
  await writeFile(Buffer.concat([Buffer.from(join(fixture.data, "x")), Buffer.from([0xff])]), "");
  fixture.configure({});
  await assert.rejects(fixture.run(), { message: "can't archive 'x\\xff': its name is not UTF-8" });
  assert.equal(fixture.engine.versions.size, 0);
});
