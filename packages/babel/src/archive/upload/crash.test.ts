import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { randomFrom } from "../../testbed/random.ts";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

const KILLS = Number(process.env["UPLOAD_KILLS"] ?? 4);
const SEED = Number(process.env["UPLOAD_SEED"] ?? Date.now() % 1_000_000);
const CHUNKS = 24;
const RUNNERS = 4;

for (const layout of ["parts", "cas"] as const) {
  test(`kill -9 at any moment: nothing is published early, nothing stored is sent again (${layout}, ${KILLS} kills, UPLOAD_SEED=${SEED})`, async (t) => {
    const fixture = await UploadFixture.make(t);
    const next = randomFrom(SEED);
    const files = Array.from({ length: 60 }, (_, i) => [
      `db/${i % 7}/${i}`,
      sampleBytes(Math.floor(next() * 300_000), `${i}`),
    ]);
    await fixture.write({ ...Object.fromEntries(files), empty: "", "db/none": "" });
    fixture.configure({ layout, number_of_chunks: CHUNKS, max_runners: RUNNERS, max_connections: 3 });
    const expected = await treeOf(fixture.data);
    let acknowledged = 0;
    let published = 0;
    for (let kill = 0; kill <= KILLS; kill++) {
      // Before, at, or between any of the requests that are left, or some time after the last.
      const left = CHUNKS + 2 - fixture.store.objects.size;
      let requests = Math.floor(next() * Math.min(left, 2 * RUNNERS)) + (next() < 0.1 ? 1000 : 0);
      const reached = new Promise<void>((resolve) => {
        fixture.store.fault = () => {
          if (requests-- === 0) resolve();
          return { kind: "slow", bytesPerSecond: 5_000_000 };
        };
      });
      const { child, ended } = await fixture.spawn();
      if (kill < KILLS) {
        const late = next() < 0.1;
        await Promise.race([late ? delay(next() * 600) : reached, ended]);
        await delay(next() * 30);
        child.kill("SIGKILL");
      }
      const { code, output } = await ended;
      if (code !== null) assert.equal(code, 0, output);
      acknowledged += Number(/published version/.test(output));
      if (fixture.engine.versions.size === published) continue;
      published = fixture.engine.versions.size;
      assert.deepEqual(await fixture.decoded(), new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))));
    }
    const stored = [...fixture.store.objects.values()].reduce((sum, { length }) => sum + length, 0);
    const largest = Math.max(...[...fixture.store.objects.values()].map(({ length }) => length));
    const { received } = fixture.store.counters;
    // What was on its way when the process was killed, and the list of files, may have been sent for nothing.
    const inFlight = KILLS * 2 * RUNNERS * largest;
    assert.ok(received <= stored * Math.max(1, published) + inFlight, `${received} bytes sent for ${stored}`);
    assert.ok(acknowledged <= published);
    t.diagnostic(`${received - stored} of ${stored} bytes were sent twice in ${KILLS} kills; ${published} versions`);
  });
}

test("a stop request ends an attempt within two seconds, and the next one goes on", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ big: sampleBytes(8_000_000, "big"), other: sampleBytes(100_000, "other") });
  fixture.configure({ number_of_chunks: 4, max_connections: 1 });
  const reached = new Promise<void>((resolve) => {
    fixture.store.fault = () => {
      if (fixture.store.counters.requests < 3) return undefined;
      resolve();
      return { kind: "slow", bytesPerSecond: 10_000 };
    };
  });
  const { child, ended } = await fixture.spawn();
  await reached;
  child.kill("SIGTERM");
  const { code, output } = await Promise.race([
    ended,
    delay(2000, { code: -1, output: "", signal: null }, { ref: false }),
  ]);
  assert.equal(code, 1, output);
  assert.match(output, /upload interrupted/);
  assert.equal(fixture.engine.versions.size, 0);
  const { received } = fixture.store.counters;
  fixture.store.fault = () => undefined;
  const second = await (await fixture.spawn()).ended;
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /going on with version 1/);
  const stored = [...fixture.store.objects.values()].reduce((sum, { length }) => sum + length, 0);
  assert.ok(fixture.store.counters.received - received < stored);
  assert.deepEqual(
    await fixture.decoded(),
    new Map([...(await treeOf(fixture.data))].sort(([a], [b]) => (a < b ? -1 : 1))),
  );
});
