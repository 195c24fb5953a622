import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

const SAMPLE = {
  "a.bin": sampleBytes(43_210, "a"),
  "some_subdir/b.bin": sampleBytes(654_321, "b"),
  "some_subdir/deep/c": sampleBytes(432, "c"),
  "d.dat": sampleBytes(257, "d"),
  "e.dat": sampleBytes(128, "e"),
  empty_file: "",
};

test("an upload stores what any reader of the format gets back (T-14)", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ ...SAMPLE, ".gitignore": "x", "some_subdir/x.bak": "x", "q/something_to_ignore.txt": "x" });
  await fixture.write({ "logs/deep/1.log": "x" });
  await symlink("a.bin", join(fixture.data, "link"));
  await symlink("/etc/passwd", join(fixture.data, "bad-link"));
  await mkdir(join(fixture.data, "hollow"), { mode: 0o700 });
  await chmod(join(fixture.data, "d.dat"), 0o750);
  const exclude = [
    ".gitignore",
    "some_subdir/*.bak",
    "**/something_to_ignore.*",
    "logs",
    "**/*_to_ignore.*",
    "no/such",
  ];
  fixture.configure({ exclude, number_of_chunks: 9, compression: { ZSTD: 5 } });

  const result = await fixture.run();
  const expected = await treeOf(fixture.data);
  for (const path of [".gitignore", "some_subdir/x.bak", "q/something_to_ignore.txt", "logs/deep/1.log"]) {
    (expected as Map<string, Buffer>).delete(path);
  }
  assert.deepEqual(
    fixture.log.filter((line) => line.includes("matched nothing")),
    ['exclude pattern "no/such" matched nothing'],
  );
  const total = [...expected.values()].reduce((sum, { length }) => sum + length, 0);
  assert.deepEqual(result, { store_key: "sample-key", data_version: 1, total_size: total });
  assert.deepEqual(await fixture.decoded(), new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))));

  const { header, chunks } = fixture.engine.newest!;
  assert.equal(chunks.length, 9);
  assert.deepEqual(
    [header.totalSize, header.compression, header.layout, header.format, header.requires],
    [total, { codec: "zstd", level: 5 }, "parts", 2, []],
  );
  assert.equal(header.source?.["node_protocol"], "test");
  for (const { key } of chunks) {
    // Magic, and a descriptor without content size, checksum and dictionary.
    assert.equal(Buffer.from(fixture.store.objects.get(key)!.subarray(0, 5)).toString("hex"), "28b52ffd00");
  }
  const entries = await fixture.filesEntries(1);
  assert.deepEqual(
    entries.filter(({ kind }) => kind === "folder"),
    [
      { kind: "folder", path: "hollow", mode: 0o700 },
      { kind: "folder", path: "q", mode: 0o755 },
      { kind: "folder", path: "some_subdir", mode: 0o755 },
      { kind: "folder", path: "some_subdir/deep", mode: 0o755 },
    ],
  );
  assert.deepEqual(
    entries.filter(({ kind }) => kind === "link"),
    [{ kind: "link", path: "link", target: "a.bin" }],
  );
  assert.equal(entries.find(({ path }) => path === "d.dat")?.["mode"], 0o750);
  const decoded = await fixture.decoded();
  const ranges = chunks[0]!.destinations.map(({ path, pos, size }) => decoded.get(path)!.subarray(pos, pos + size));
  assert.deepEqual(
    entries.find(({ kind }) => kind === "content"),
    {
      kind: "content",
      chunk: 0,
      sha256: createHash("sha256").update(Buffer.concat(ranges)).digest("hex"),
    },
  );
  assert.deepEqual(
    fixture.log.filter((line) => line.startsWith("not archived")),
    ["not archived: bad-link: the link has an absolute target: /etc/passwd"],
  );
  const { total: all, current, message, bytes_total, bytes_done, phase } = await fixture.progress();
  assert.deepEqual([all, current, message, bytes_total, bytes_done, phase], [9, 9, "chunks", total, total, "finalize"]);
  assert.deepEqual(await readdir(fixture.state), []);
});
