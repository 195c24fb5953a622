import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string) => findingsOf("newer-engine", text);

test("functions that older engines lack", () => {
  assert.deepEqual(found("let l = [2, 1]; l.sort_desc(); order(l);"), [
    "1:19-1:28 Rhai 1.20 has no 'sort_desc'",
    "1:32-1:37 Rhai 1.20 has no 'order'",
  ]);
});

test("functions that they have, and those of the script", () => {
  assert.deepEqual(found("fn order(x) { x } order(1); [1].sort();"), []);
});
