import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("unused-variable", text, options);

test("what nothing reads", () => {
  assert.deepEqual(found("let a = 1; let b = 2; b = 3; const C = 4;"), [
    "1:5-1:6 let 'a' is never used",
    "1:16-1:17 let 'b' is assigned but never read",
    "1:36-1:37 const 'C' is never used",
  ]);
  assert.deepEqual(found("for (x, i) in [1] {} try {} catch (err) {}"), [
    "1:9-1:10 loop counter 'i' is never used (write 'for item in …')",
    "1:36-1:39 catch variable 'err' is never used (write 'catch { … }')",
  ]);
});

test("what is used, exported or marked is left alone", () => {
  assert.deepEqual(
    found(
      'let _a = 1; export let b = 2; const C = 3; fn f(p) { global::C } let m = #{}; m.x = 1; let n = 1; is_def_var("n");',
    ),
    [],
  );
  assert.deepEqual(found('let a = 1; [1].map(|x| x + a); let s = 2; eval("s"); fn f() {} let t = 1; f!(t);'), []);
  assert.deepEqual(
    found("let count = 0; [1].for_each(|x| count += x); let later = 0; let set = || { later = 1; }; set.call();"),
    [],
  );
});
