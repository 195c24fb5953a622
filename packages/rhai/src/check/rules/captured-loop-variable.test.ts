import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("captured-loop-variable", text, options);

test("closures that outlive the round", () => {
  assert.deepEqual(found("let fns = []; for i in 0..3 { fns.push(|| i); }"), [
    "1:43-1:44 every round of the loop shares 'i': this closure will see its last value (copy it first: 'let copy = i;')",
  ]);
  assert.deepEqual(found('let m = #{}; for k in ["a"] { m[k] = || k; }'), [
    "1:41-1:42 every round of the loop shares 'k': this closure will see its last value (copy it first: 'let copy = k;')",
  ]);
});

test("closures used at once, or with a copy", () => {
  assert.deepEqual(
    found(
      "let fns = []; for i in 0..3 { [1].map(|x| x * i); let copy = i; fns.push(|| copy); fns.push(|| { for j in [1] { print(j); } }); }",
    ),
    [],
  );
});
