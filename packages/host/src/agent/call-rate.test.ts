import assert from "node:assert/strict";
import { test } from "node:test";
import { CallRate } from "./call-rate.ts";

test("a burst is let through, then calls come at an even rate, and those that would wait for long are refused", () => {
  let now = 1_000_000;
  const rate = new CallRate({ burst: 3, perSecond: 20, longestWaitMs: 100 }, () => now);
  const take = (calls: number) => Array.from({ length: calls }, () => rate.take());
  assert.deepEqual(take(8), [0, 0, 0, 50, 100, undefined, undefined, undefined]);
  now += 60;
  assert.deepEqual(take(2), [90, undefined], "what was refused did not count");
  now += 60_000;
  assert.deepEqual(take(4), [0, 0, 0, 50], "rest is not saved up");
});
