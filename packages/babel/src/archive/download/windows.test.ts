import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { constants, createZstdCompress } from "node:zlib";
import { messageOf } from "../../errno.ts";
import { until } from "../../testbed/agent.ts";
import type { Chunk } from "../format/chunk.ts";
import { DownloadFixture, QUICK, treeOf } from "../testing/download-fixture.ts";
import { sampleBytes, sampleSource } from "../testing/sample-archive.ts";
import { Streams } from "../transfer/streams.ts";

const KIB = 1024;
const FILES = ["a", "b", "c"];

/** Without the size of its content in it, as a stream has it: the window is as large as it says. */
async function frame(bytes: Buffer, windowLog: number): Promise<Buffer> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  stream.write(bytes);
  stream.end();
  return buffer(stream);
}

/** A chunk for each file. */
async function foreignArchive(t: TestContext, framesOf: (content: Buffer) => readonly Promise<Buffer>[]) {
  const fixture = await DownloadFixture.make(t);
  const files = new Map(FILES.map((name) => [name, sampleBytes(800 * KIB, name)]));
  const chunks: Chunk[] = [];
  for (const [path, content] of files) {
    const index = chunks.length;
    const [key, stored] = [`k/${index}`, Buffer.concat(await Promise.all(framesOf(content)))];
    fixture.store.objects.set(key, stored);
    const checksum = { algorithm: "sha256", hex: createHash("sha256").update(stored).digest("hex") } as const;
    chunks.push({ index, key, checksum, size: stored.length, destinations: [{ path, pos: 0, size: content.length }] });
  }
  const header = { totalSize: 2400 * KIB, compression: { codec: "zstd", level: 22 } as const, chunks: chunks.length };
  return { fixture, files, source: sampleSource(fixture.store, { header, chunks }) };
}

for (const [what, windowLog, atOnce, isGivenUp] of [
  ["large ones take turns, also when they are given up", 27, 1, true],
  ["as many as fit go on side by side", 26, 2, false],
  ["usual ones do not wait", 21, 3, false],
] as const) {
  test(`windows of decompressors: ${what}`, async (t) => {
    const { fixture, files, source } = await foreignArchive(t, (content) => [frame(content, windowLog)]);
    const written = (): number => FILES.filter((name) => existsSync(join(fixture.data, name))).length;
    // All come half and stall, with what memory they have, until they are given up for that, or the rest comes.
    const rest = Promise.withResolvers<void>();
    const stall = { kind: "stall", after: 300 * KIB, ...(isGivenUp ? {} : { until: rest.promise }) } as const;
    fixture.store.fault = async ({ attempt }) => (attempt === 1 ? stall : undefined);
    const threads = { ...QUICK, stall: { windowMs: isGivenUp ? 500 : 60_000, bytesPerSecond: KIB } };
    const download = fixture.download(source, { streams: new Streams(3), threads });
    await until(() => fixture.store.counters.sent >= 3 * 300 * KIB && written() >= atOnce, "all chunks came half");
    // Long enough for one more to begin, if it may.
    await delay(50);
    assert.equal(written(), atOnce);
    rest.resolve();
    assert.equal((await download).kind, "complete");
    assert.deepEqual(await treeOf(fixture.data), files);
  });
}

test("windows of decompressors: a frame that needs a larger one than the first is no obstacle", async (t) => {
  const { fixture, files, source } = await foreignArchive(t, (content) => [
    frame(content.subarray(0, 5), 10),
    frame(content.subarray(5), 24),
  ]);
  assert.equal((await fixture.download(source)).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), files);
});

test("windows of decompressors: one that waits gives way to a stop, one that is parked to others", async (t) => {
  const { fixture, files, source } = await foreignArchive(t, (content) => [frame(content, 27)]);
  const streams = new Streams(3);
  let sends = 0;
  fixture.store.sending = () => {
    sends += 1;
    if (sends % 4 === 0) streams.limit([1, 2, 3][(sends / 4) % 3]);
  };
  assert.equal((await fixture.download(source, { streams })).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), files);

  const other = await foreignArchive(t, (content) => [frame(content, 27)]);
  const stop = new AbortController();
  other.fixture.store.fault = ({ attempt }) => {
    if (attempt === 2) stop.abort();
    return { kind: "stall", after: 300 * KIB };
  };
  await assert.rejects(other.fixture.download(other.source, { signal: stop.signal }), { kind: "cancelled" });
});

test("windows of decompressors: too large a one is refused with its chunk", async (t) => {
  const { fixture, source } = await foreignArchive(t, (content) => [frame(content, 28)]);
  const outcome = await fixture.download(source);
  const [first = ""] = outcome.kind === "failed" ? messageOf(outcome.error).split("\n") : [];
  assert.equal(first, "corrupted chunk k/0 v1 (a): its zstd needs more memory than a window of 128 MiB");
});
