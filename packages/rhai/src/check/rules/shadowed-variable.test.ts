import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("shadowed-variable", text, options);

test("a variable that hides another", () => {
  assert.deepEqual(found("let x = 1; { let x = 2; print(x); } print(x);"), [
    "1:18-1:19 let 'x' hides the let of that name",
  ]);
  assert.deepEqual(found("let x = 1; let x = 2; print(x);"), [
    "1:16-1:17 let 'x' is declared a second time in this block",
  ]);
  assert.deepEqual(found("const i = 1; for i in 0..3 { print(i); } [1].map(|i| i);"), [
    "1:18-1:19 loop variable 'i' hides the const of that name",
    "1:51-1:52 parameter 'i' hides the const of that name",
  ]);
  assert.deepEqual(found("let x = 1; fn f(x) { x } { let _x = 1; let _x = 2; } print(x);"), []);
});
