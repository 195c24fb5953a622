import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

/** Small files in many packs, and one that is cut into pieces. */
async function casFixture(t: Parameters<typeof UploadFixture.make>[0]): Promise<UploadFixture> {
  const fixture = await UploadFixture.make(t);
  const small = Array.from({ length: 2000 }, (_, i) => [
    `sst/${String(i).padStart(5, "0")}`,
    sampleBytes(2000, `${i}`),
  ]);
  const piece = sampleBytes(1_000_000, "mdbx");
  const big = Buffer.alloc(70_000_000);
  for (let at = 0; at < big.length; at += piece.length) {
    piece.writeUInt32LE(at);
    piece.copy(big, at);
  }
  await fixture.write({ ...Object.fromEntries(small), "mdbx.dat": big, empty: "" });
  fixture.configure({ layout: "cas" });
  return fixture;
}

const storedBytes = (fixture: UploadFixture, version: number): number =>
  fixture.engine.versions.get(version)!.chunks.reduce((sum, { size }) => sum + size, 0);

const sorted = <T>(tree: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
  new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));

test("a second version uploads what changed, reads what may have, and both can be read (T-23); a third without a change nothing", async (t) => {
  const fixture = await casFixture(t);
  await fixture.run();
  const before = sorted(await treeOf(fixture.data));
  assert.deepEqual(await fixture.decoded(), before);
  const first = fixture.store.counters.received;
  assert.ok(first >= storedBytes(fixture, 1));

  // Two percent: one page of a piece of the big file, a few small files that lie together.
  const changed = Buffer.from(before.get("mdbx.dat")!);
  changed.write("changed", 40_000_000);
  await writeFile(join(fixture.data, "mdbx.dat"), changed);
  await appendFile(join(fixture.data, "sst/00500"), "more");
  await rm(join(fixture.data, "sst/00501"));
  fixture.log.length = 0;
  assert.equal((await fixture.run()).data_version, 2);
  const sent = fixture.store.counters.received - first;
  const fresh = fixture.engine.versions
    .get(2)!
    .chunks.filter(({ id }) => !fixture.engine.versions.get(1)!.chunks.some((chunk) => chunk.id === id));
  const freshBytes = fresh.reduce((sum, { size }) => sum + size, 0);
  const files = fixture.store.objects.get(fixture.engine.filesKey(2))!.length;
  assert.equal(sent, freshBytes + files);
  assert.ok(fresh.length <= 3, `${fresh.length} chunks were new`);
  t.diagnostic(`second version: ${sent} bytes sent of ${storedBytes(fixture, 2)} stored`);

  assert.deepEqual(await fixture.decoded(fixture.engine.versions.get(1)), before);
  assert.deepEqual(await fixture.decoded(), sorted(await treeOf(fixture.data)));
  assert.equal(fixture.engine.newest!.header.parentDataVersion, 1);

  // Without a change nothing is read, and only the list of files is sent.
  const second = fixture.store.counters.received;
  const { getSlots: slots = 0, getStoredChunks: asked = 0 } = fixture.engine.calls;
  fixture.log.length = 0;
  await fixture.run();
  assert.equal(fixture.store.counters.received - second, fixture.store.objects.get(fixture.engine.filesKey(3))!.length);
  assert.ok(!fixture.log.some((line) => line.startsWith("reading")));
  // Control-plane calls: reserve, urls of the list, and one per thousand chunks.
  const { getSlots = 0, getStoredChunks = 0 } = fixture.engine.calls;
  assert.ok(getStoredChunks - asked <= 2 && getSlots > slots);
});

test("chunks that the store no longer has are uploaded again; equal chunks are stored once", async (t) => {
  const fixture = await UploadFixture.make(t);
  fixture.configure({ layout: "cas" });
  const same = Buffer.alloc(65 * 1024 * 1024, "same");
  await fixture.write({ "copy-1": same, "copy-2": same, other: "x" });
  await fixture.run();
  const { chunks } = fixture.engine.newest!;
  assert.equal(new Set(chunks.map(({ key }) => key)).size, chunks.length - 1);
  for (const { key } of chunks) fixture.store.objects.delete(key);
  await fixture.run();
  assert.deepEqual(await fixture.decoded(), sorted(await treeOf(fixture.data)));
});

test("what does not shrink is stored as it is; an API of the reference's kind is refused", async (t) => {
  const fixture = await UploadFixture.make(t);
  fixture.configure({ layout: "cas" });
  await fixture.write({ "random.bin": randomBytes(300_000) });
  await fixture.run();
  assert.deepEqual(
    fixture.engine.newest!.chunks.map(({ codec }) => codec),
    ["none"],
  );
  assert.deepEqual(await fixture.decoded(), sorted(await treeOf(fixture.data)));
  const old = await UploadFixture.make(t, { reference: true });
  old.configure({ layout: "cas" });
  await old.write({ a: "x" });
  await assert.rejects(old.run(), { code: "layout-unsupported" });
});
