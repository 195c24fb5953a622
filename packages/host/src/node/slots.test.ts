import assert from "node:assert/strict";
import { test } from "node:test";
import { eachOf } from "./slots.ts";

test("so many at a time, in their order, and a failure gives its place to the next", async () => {
  const begun: number[] = [];
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const all = eachOf([0, 1, 2, 3], 2, (item) => {
    begun.push(item);
    return ends[item]?.promise ?? Promise.reject(new Error("unknown"));
  });
  const failure = assert.rejects(all, { message: "the second" });
  assert.deepEqual(begun, [0, 1]);
  ends[1]?.reject(new Error("the second"));
  await failure;
  assert.deepEqual(begun, [0, 1, 2]);
  ends[0]?.resolve(0);
  ends[2]?.resolve(2);
  ends[3]?.resolve(3);
  await new Promise(setImmediate);
  assert.deepEqual(begun, [0, 1, 2, 3]);
  assert.deepEqual(await eachOf([1, 2, 3], 2, async (item) => item * 2), [2, 4, 6]);
});
