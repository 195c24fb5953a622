import assert from "node:assert/strict";
import { open, readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { DownloadFixture, treeOf } from "../testing/download-fixture.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { Streams } from "../transfer/streams.ts";

const files = new Map([
  ["a", sampleBytes(100_000, "a")],
  ["b", sampleBytes(60_000, "b")],
]);

/** One byte of a file is another one, and nothing tells. */
async function rot(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const file = await open(path, "r+");
  const [byte = 0] = await readFile(path);
  await file.write(Buffer.of(byte ^ 1), 0, 1, 0);
  await file.close();
  await utimes(path, atime, mtime);
}

for (const verify of ["sizes", "full"] as const) {
  test(`data that the disk gave back as something else: ${verify === "full" ? "fetched again" : "not seen"} with \`verify: ${verify}\` (D4-22)`, async (t) => {
    const fixture = await DownloadFixture.make(t);
    const sample = await storeSample(fixture.store, files, { chunkSize: 30_000, compression: { codec: "none" } });
    let damaged = 0;
    const flush = async (): Promise<void> => {
      damaged += 1;
      if (damaged === 1) await rot(join(fixture.data, "a"));
    };
    const options = { flush, download: { verify } };
    const outcome = await fixture.download(sampleSource(fixture.store, sample), options);
    assert.equal(outcome.kind, "complete");
    const found = await treeOf(fixture.data);
    assert.deepEqual(found.get("b"), files.get("b"));
    assert.equal(found.get("a")!.equals(files.get("a")!), verify === "full");
    const { requests } = fixture.store.counters;
    assert.equal(requests, sample.chunks.length + (verify === "full" ? 1 : 0));
    const said = fixture.log.filter((line) => line.includes("read again"));
    const expected = [`sample-key: ${sample.chunks.length} chunks were read again, 1 are damaged`];
    assert.deepEqual(
      said,
      verify === "full" ? [...expected, "sample-key: 1 chunks were read again, 0 are damaged"] : [],
    );
  });
}

test("a disk that keeps nothing is told of; the download is not complete", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, files, { chunkSize: 30_000, compression: { codec: "none" } });
  const flush = () => rot(join(fixture.data, "a"));
  const outcome = await fixture.download(sampleSource(fixture.store, sample), { flush, download: { verify: "full" } });
  assert.equal(
    outcome.kind === "failed" && outcome.error.message,
    "1 chunks of sample-key were written 3 times, and read back as something else: look at the disk",
  );
  assert.equal(fixture.state.isIncomplete(), true);
});

for (const verifyOnResume of ["sample", "full"] as const) {
  test(`what an earlier attempt wrote is looked at with \`verify_on_resume: ${verifyOnResume}\` (§9.2)`, async (t) => {
    const fixture = await DownloadFixture.make(t);
    // With 6 chunks a sample is all of them.
    const sample = await storeSample(fixture.store, files, { chunkSize: 30_000, compression: { codec: "none" } });
    const stop = new AbortController();
    let served = 0;
    fixture.store.fault = () => {
      served += 1;
      if (served === 4) stop.abort();
      return undefined;
    };
    const source = sampleSource(fixture.store, sample);
    await assert.rejects(fixture.download(source, { signal: stop.signal, streams: new Streams(1) }), {
      message: "interrupted",
    });
    await rot(join(fixture.data, sample.chunks[0]!.destinations[0]!.path));
    assert.equal((await fixture.download(source, { download: { verifyOnResume } })).kind, "complete");
    assert.match(fixture.log.join("\n"), /^sample-key: [34] chunks were read again, 1 are damaged$/m);
    assert.deepEqual(await treeOf(fixture.data), sample.files);
  });
}

test("an archive that does not say what is in its chunks is complete all the same", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const sample = await storeSample(fixture.store, files, { chunkSize: 30_000 });
  const { kind } = await fixture.download(sampleSource(fixture.store, sample), { download: { verify: "full" } });
  assert.equal(kind, "complete");
  const told = `the archive does not say what is in ${sample.chunks.length} chunks: they were not read again`;
  assert.ok(fixture.log.includes(told));
});
