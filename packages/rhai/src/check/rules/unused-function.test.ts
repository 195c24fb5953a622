import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("unused-function", text, options);

test("private functions that nothing calls", () => {
  assert.deepEqual(found("private fn helper(a) { a }\nfn open() {}"), [
    "1:12-1:18 function 'helper/1' is never called",
  ]);
  assert.deepEqual(found("private fn a() { b() } private fn b() { a() }"), [
    "1:12-1:13 function 'a/0' is never called",
    "1:35-1:36 function 'b/0' is never called",
  ]);
  assert.deepEqual(
    found(
      'private fn a() {} private fn b() {} private fn c() {} private fn d() {} private fn _e() {} fn open() { a(); let f = b; [1].map("c"); 1.d(); f }',
    ),
    [],
  );
});

test("with entry points, everything they do not reach", () => {
  assert.deepEqual(found("fn main() { used() } fn used() {} fn orphan() {}", { entryPoints: ["main"] }), [
    "1:38-1:44 function 'orphan/0' is never called",
  ]);
});
