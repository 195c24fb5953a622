import assert from "node:assert/strict";
import { test } from "node:test";
import { Streams } from "./streams.ts";

/** Runs interval after interval; the rate in MB/s that so many streams have. */
function watch(
  streams: Streams,
  clock: { now: number },
  intervals: number,
  rateOf: (streams: number) => number,
): number[] {
  let bytes = 0;
  return Array.from({ length: intervals }, () => {
    bytes += rateOf(streams.count) * 5e6;
    clock.now += 5000;
    streams.observe(bytes);
    return streams.count;
  });
}

test("without a cap streams are added while they pay, up to sixteen", () => {
  const clock = { now: 0 };
  assert.deepEqual(
    watch(new Streams(undefined, () => clock.now), clock, 6, (n) => Math.min(n, 6) * 10),
    [5, 6, 7, 6, 6, 6],
  );
  const endless = watch(new Streams(undefined, () => clock.now), clock, 40, (n) => n * n);
  assert.equal(endless.at(-1), 16);
});

test("while nothing but failures come, one connection tries; with the first byte all of them go on", () => {
  for (const [cap, all] of [
    [undefined, 4],
    [9, 9],
  ] as const) {
    const clock = { now: 0 };
    const streams = new Streams(cap, () => clock.now);
    streams.observe(1000);
    streams.failed();
    clock.now += 9_999;
    streams.failed();
    assert.equal(streams.count, all, "one that fails is nothing yet");
    clock.now += 1;
    streams.observe(1000);
    assert.equal(streams.count, 1);
    streams.observe(1001);
    assert.ok(streams.count >= all);
    clock.now += 60_000;
    assert.ok(streams.count >= all, "slow is not failing");
  }
});

test("a cap is used at once, and changed at once", () => {
  const streams = new Streams(9);
  assert.equal(streams.count, 9);
  streams.limit(2);
  assert.equal(streams.count, 2);
  streams.limit(7);
  assert.equal(streams.count, 7);
});

test("a store that throttles gets half of them for a minute, however often it says so", () => {
  const clock = { now: 0 };
  const streams = new Streams(8, () => clock.now);
  streams.overloaded();
  streams.overloaded();
  assert.equal(streams.count, 4);
  const counts = watch(streams, clock, 13, () => 1);
  assert.deepEqual([counts[10], counts[11], counts.at(-1)], [4, 8, 8]);
});

test("without a cap they come back one by one after each time that the store throttles", () => {
  const clock = { now: 0 };
  const streams = new Streams(undefined, () => clock.now);
  const pays = (n: number): number => Math.min(n, 8) * 10;
  assert.equal(watch(streams, clock, 10, pays).at(-1), 8);
  for (let time = 0; time < 3; time += 1) {
    streams.overloaded();
    assert.equal(streams.count, 4);
    assert.deepEqual(watch(streams, clock, 18, pays).slice(10), [4, 5, 6, 7, 8, 9, 8, 8]);
  }
  for (let time = 0; time < 4; time += 1) {
    clock.now += 60_000;
    streams.overloaded();
  }
  assert.equal(streams.count, 3);
});
