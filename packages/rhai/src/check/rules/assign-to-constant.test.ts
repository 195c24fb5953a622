import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("assign-to-constant", text, options);

test("parts of constants and what comes from elsewhere", () => {
  assert.deepEqual(found('const M = #{}; M.a = 1; M["b"][0] = 2;'), [
    "1:16-1:19 constant 'M' cannot be changed",
    "1:25-1:34 constant 'M' cannot be changed",
  ]);
  assert.deepEqual(found("const L = []; L.push(1); L.len();"), [
    "1:17-1:21 'push' would change the constant 'L' (copy it into a variable first)",
  ]);
  assert.deepEqual(found("const M = #{}; fn f() { global::M.a = 1; global::M.list.push(1); }"), [
    "1:25-1:36 'global::M' cannot be changed (copy it into a variable first)",
    "1:57-1:61 'push' would change the constant 'global::M' (copy it into a variable first)",
  ]);
  assert.deepEqual(
    found(
      'const M = #{}; let copy = M; copy.a = 1; copy.list = []; copy.list.push(1); fn trim() { this } const S = "x"; S.trim();',
    ),
    [],
  );
});

test("assigning the constant itself does not even parse", () => {
  assert.deepEqual(found("const X = 1;"), []);
});
