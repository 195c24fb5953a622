import assert from "node:assert/strict";
import { test } from "node:test";
import { changes } from "./change.ts";

test("things with a key are compared by key, everything else by place", () => {
  const from = {
    a: 1,
    same: [1, 2],
    list: [
      { key: "x", v: 1n },
      { key: "gone", v: 1n },
    ],
    plain: ["a"],
  };
  const to = {
    a: 2,
    same: [1, 2],
    list: [
      { key: "new", v: 3n },
      { key: "x", v: 2n },
    ],
    plain: ["b"],
  };
  assert.deepEqual(changes(from, to), [
    { path: "a", from: 1, to: 2 },
    { path: "list[gone]", from: { key: "gone", v: 1n }, to: null },
    { path: "list[new]", from: null, to: { key: "new", v: 3n } },
    { path: "list[x].v", from: 1n, to: 2n },
    { path: "plain", from: ["a"], to: ["b"] },
  ]);
  assert.deepEqual(changes(from, structuredClone(from)), []);
});
