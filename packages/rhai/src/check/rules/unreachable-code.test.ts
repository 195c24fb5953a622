import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("unreachable-code", text, options);

test("what stands behind a jump", () => {
  assert.deepEqual(found("fn f() { return 1; print(2); print(3); }"), ["1:20-1:38 this is never reached"]);
  assert.deepEqual(found("loop { break; print(1); } while true { continue; print(2); }"), [
    "1:15-1:23 this is never reached",
    "1:50-1:58 this is never reached",
  ]);
  assert.deepEqual(found("fn f(x) { if x { return 1 } else { throw 2 } x }"), ["1:46-1:47 this is never reached"]);
  assert.deepEqual(found("loop { } print(1);"), ["1:10-1:18 this is never reached"]);
  assert.deepEqual(found("if true { 1 } else { 2 }"), ["1:20-1:25 this is never reached"]);
  assert.deepEqual(found("if false { 1 } while false { print(1); }"), [
    "1:10-1:15 this is never reached",
    "1:28-1:41 this is never reached",
  ]);
});

test("what can be reached", () => {
  assert.deepEqual(
    found(
      "fn f(x) { if x { return 1 } 2 } loop { if f(true) { break; } } print(1); fn g() { return; } for i in [1] { continue }",
    ),
    [],
  );
});
