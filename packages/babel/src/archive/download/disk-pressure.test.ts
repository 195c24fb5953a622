import assert from "node:assert/strict";
import { test } from "node:test";
import { DownloadFixture, treeOf } from "../testing/download-fixture.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { Streams } from "../transfer/streams.ts";
import { DiskPressure } from "./disk-pressure.ts";

test("a disk is too slow if its writes were slow on average for half a minute", () => {
  let now = 0;
  const pressure = new DiskPressure(undefined, () => now);
  now = 29_999;
  assert.equal(pressure.tooMuch({ count: 10, milliseconds: 9000 }), false, "not yet");
  now = 30_000;
  assert.equal(pressure.tooMuch({ count: 10, milliseconds: 9000 }), true);
  now = 60_000;
  assert.equal(pressure.tooMuch({ count: 110, milliseconds: 10_000 }), false, "a hundred writes in a second");
  now = 90_000;
  assert.equal(pressure.tooMuch({ count: 110, milliseconds: 10_000 }), false, "nothing was written");
});

test("a download over a disk that does not keep up goes on with fewer connections", async (t) => {
  const fixture = await DownloadFixture.make(t);
  const files = new Map([["a", sampleBytes(400_000, "a")]]);
  const sample = await storeSample(fixture.store, files, { chunkSize: 50_000 });
  const streams = new Streams(4);
  const outcome = await fixture.download(sampleSource(fixture.store, sample), {
    streams,
    pressure: { slowMs: -1, forMs: 0 },
  });
  assert.equal(outcome.kind, "complete");
  assert.deepEqual(await treeOf(fixture.data), files);
  assert.equal(streams.count, 2);
  assert.match(fixture.log.join("\n"), /the disk does not keep up: 2 connections for a while/);
});
