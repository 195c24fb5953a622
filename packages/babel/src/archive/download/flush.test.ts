import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { messageOf } from "../../errno.ts";
import { Journal } from "../journal.ts";
import { DownloadFixture, QUICK, treeOf } from "../testing/download-fixture.ts";
import { type SampleArchive, sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { TransferFault } from "../transfer/fault.ts";
import { ProgressWriter } from "../transfer/progress.ts";
import { Streams } from "../transfer/streams.ts";
import type { FlushFileSystem } from "./flush.ts";
import { runDownloads } from "./run-downloads.ts";
import { type DownloadRecord, StateFolder } from "./state-folder.ts";

const KIB = 1024;
const NOTHING = { phase: "metadata", message: "chunks", chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 } as const;

/** A disk that loses what it was given since the last flush, says so once, and works from then on: as the kernel has it. */
class LossyDisk {
  flushes = 0;
  readonly #folder: string;
  readonly #failing: number;
  #kept: ReadonlyMap<string, Buffer> = new Map();

  /** @param failing which of the flushes fails */
  constructor(folder: string, failing: number) {
    this.#folder = folder;
    this.#failing = failing;
  }

  readonly flush: FlushFileSystem = async (folder) => {
    this.flushes += 1;
    if (this.flushes !== this.#failing) {
      this.#kept = await treeOf(this.#folder);
      return;
    }
    this.lose();
    throw new TransferFault("environment", `can't flush ${folder} to disk: Input/output error`);
  };

  lose(): void {
    for (const name of readdirSync(this.#folder, { recursive: true, encoding: "utf8" })) {
      const path = join(this.#folder, name);
      const stats = statSync(path);
      if (stats.isFile()) writeFileSync(path, this.#kept.get(name) ?? Buffer.alloc(stats.size));
    }
  }
}

/** Has everything in a journal recorded by an earlier boot of the kernel. */
async function recordedBefore(state: StateFolder): Promise<void> {
  const path = join(state.path, "journal");
  const records: DownloadRecord[] = [];
  await (await Journal.open<DownloadRecord>(path, (record) => records.push(record))).close();
  rmSync(path);
  const journal = await Journal.open<DownloadRecord>(path, () => undefined);
  for (const record of records)
    await journal.append(record.t === "done" ? { ...record, b: "the boot before" } : record);
  await journal.close();
}

async function twoArchives(t: TestContext) {
  const fixture = await DownloadFixture.make(t);
  const archives: SampleArchive[] = [];
  for (const storeKey of ["one", "two"]) {
    const files = new Map(["a", "b"].map((name) => [name, sampleBytes(100 * KIB, storeKey + name)]));
    archives.push(await storeSample(fixture.store, files, { chunkSize: 32 * KIB, storeKey }));
  }
  const run = (flush: FlushFileSystem) =>
    runDownloads(
      archives.map((archive, n) => ({
        source: { ...sampleSource(fixture.store, archive), name: `archive ${n}` },
        destination: join(fixture.data, `${n}`),
        state: new StateFolder(join(fixture.folder, `state-${n}`)),
        log: (line) => void fixture.log.push(line),
      })),
      {
        signal: new AbortController().signal,
        log: (line) => void fixture.log.push(line),
        progress: new ProgressWriter(async () => undefined, NOTHING),
        streams: new Streams(4),
        followBandwidth: () => undefined,
        threads: QUICK,
        disk: { intervalMs: 60_000, patienceMs: 60_000, reserve: 0 },
        flush,
      },
    );
  return { fixture, archives, run };
}

test("what a failed flush lost is fetched again: that a later flush succeeds says nothing about it", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["x", sampleBytes(640 * KIB, "x")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 64 * KIB, compression: { codec: "none" } });
  const source = sampleSource(fixture.store, sample);
  // Chunks come one by one, a flush after each of them; the second fails.
  const disk = new LossyDisk(fixture.data, 2);
  const environment = { streams: new Streams(1), commit: { afterMs: 0, afterBytes: 1 }, flush: disk.flush };
  const outcome = await fixture.download(source, environment);
  assert.match(
    outcome.kind === "failed" ? messageOf(outcome.error) : outcome.kind,
    /can't flush .*Input\/output error$/,
  );
  assert.equal(disk.flushes, 2, "none is asked of a disk that has failed");
  const { requests } = fixture.store.counters;
  assert.equal((await fixture.download(source)).kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), sample.files);
  const again = fixture.store.counters.requests - requests;
  assert.ok(again < sample.chunks.length, `${again} chunks: what the first flush covered is on the disk`);
});

test("a power loss costs what was not flushed, whatever the journal says of it, and the next attempt brings every byte (T-16)", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["x", sampleBytes(640 * KIB, "x")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 64 * KIB, compression: { codec: "none" } });
  const source = sampleSource(fixture.store, sample);
  const disk = new LossyDisk(fixture.data, Number.POSITIVE_INFINITY);
  const power = new AbortController();
  const flush: FlushFileSystem = async (folder) => {
    if (disk.flushes < 2) return disk.flush(folder);
    power.abort();
    throw new TransferFault("cancelled", "the power is gone");
  };
  const commit = { afterMs: 0, afterBytes: 1 };
  await assert.rejects(fixture.download(source, { streams: new Streams(1), commit, flush, signal: power.signal }), {
    kind: "cancelled",
  });
  disk.lose();
  await recordedBefore(fixture.state);
  const { requests } = fixture.store.counters;
  assert.equal((await fixture.download(source)).kind, "complete");
  assert.ok(readFileSync(join(fixture.data, "x")).equals(sample.files.get("x")!));
  const again = fixture.store.counters.requests - requests;
  assert.ok(again < sample.chunks.length, `${again} chunks: what was flushed is there`);
});

test("a download that nothing cuts off is flushed once, with its times, before it counts as complete", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["x", sampleBytes(640 * KIB, "x")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 64 * KIB });
  const flushed: { readonly incomplete: boolean; readonly mtime: number }[] = [];
  const flush = async (folder: string): Promise<void> => {
    flushed.push({ incomplete: fixture.state.isIncomplete(), mtime: statSync(join(folder, "x")).mtimeMs });
  };
  assert.equal((await fixture.download(sampleSource(fixture.store, sample), { flush })).kind, "complete");
  assert.deepEqual(flushed, [{ incomplete: true, mtime: statSync(join(fixture.data, "x")).mtimeMs }]);
  assert.equal(fixture.state.isIncomplete(), false);
});

test("of very many files, the disk takes what was written while they are gone through", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map(Array.from({ length: 1000 }, (_, n) => [`${n}`, Buffer.from(`file ${n}`)]));
  const sample = await storeSample(fixture.store, files, { chunkSize: 4 * KIB });
  const settled: boolean[] = [];
  const mtime = (name: string): number => statSync(join(fixture.data, name)).mtimeMs;
  const flush = async (): Promise<void> => void settled.push(mtime("0") === mtime("999"));
  assert.equal((await fixture.download(sampleSource(fixture.store, sample), { flush })).kind, "complete");
  assert.equal(settled.length, 2, "once while they are gone through, and once for what that changed");
  assert.equal(settled.at(-1), true);
  assert.deepEqual(await treeOf(fixture.data), files);
});

test("a flush that fails for one client counts for all of them", async (t) => {
  const { fixture, archives, run } = await twoArchives(t);
  const disk = new LossyDisk(fixture.data, 1);
  const outcomes = await run(disk.flush);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.kind === "failed" ? /can't flush/.test(messageOf(outcome.error)) : outcome)),
    [true, true],
  );
  assert.equal(disk.flushes, 1);
  assert.deepEqual(
    (await run(disk.flush)).map(({ kind }) => kind),
    ["complete", "complete"],
  );
  for (const [n, { files }] of archives.entries()) assert.deepEqual(await treeOf(join(fixture.data, `${n}`)), files);
});
