import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("wrong-arity", text, options);

test("calls with too many or too few arguments", () => {
  assert.deepEqual(found("fn f(a) { a } fn f(a, b) { a + b } f(); f(1); f(1, 2, 3);"), [
    "1:36-1:39 function 'f' takes 1 or 2 arguments, not 0",
    "1:47-1:57 function 'f' takes 1 or 2 arguments, not 3",
  ]);
  assert.deepEqual(found("len();"), ["1:1-1:6 function 'len' takes 1 argument, not 0"]);
  assert.deepEqual(found("run_sh();", { functions: { run_sh: [1, 2] } }), [
    "1:1-1:9 function 'run_sh' takes 1 or 2 arguments, not 0",
  ]);
  assert.deepEqual(found("[1].len(2);"), ["1:5-1:8 method 'len' takes no arguments, not 1"]);
  assert.deepEqual(found("fn add(x, a) { x + a } 1.add(2);"), [
    "1:26-1:29 method 'add' takes 2 arguments, not 1 (call it as 'add(…)', or write it to work on 'this')",
  ]);
});

test("the right number in either style", () => {
  assert.deepEqual(
    found(
      'fn double() { this * 2 } 2.double(); "a".contains("b"); contains("a", "b"); let f = |a, b, c| a; f.call(1, 2, 3); f.curry(1); print();',
    ),
    [],
  );
});
