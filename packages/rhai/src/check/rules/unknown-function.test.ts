import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("unknown-function", text, options);

test("calls of what does not exist", () => {
  assert.deepEqual(found("pritn_all(1);"), ["1:1-1:10 there is no function 'pritn_all'"]);
  assert.deepEqual(found("fn compute(x) { x } comptue(1);"), [
    "1:21-1:28 there is no function 'comptue' (did you mean 'compute'?)",
  ]);
  assert.deepEqual(found("let f = |x| x; f(1);"), [
    "1:16-1:17 there is no function 'f' ('f' is a variable; call the function it holds with 'f.call(…)')",
  ]);
  assert.deepEqual(found('"a".to_sting();'), ["1:5-1:13 there is no method 'to_sting' (did you mean 'to_string'?)"]);
});

test("own, standard and host functions, and maps that hold functions", () => {
  assert.deepEqual(
    found(
      'later(1); fn later(x) { x } [1].len(); print("x"); let m = #{ act: || 1 }; m.act(); m.other = || 2; m.other();',
    ),
    [],
  );
  assert.deepEqual(found('run_sh("ls").unwrap();', { functions: { run_sh: [1, 2], unwrap: [1] } }), []);
});
