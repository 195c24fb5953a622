import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("undefined-variable", text, options);

test("names that are declared nowhere", () => {
  assert.deepEqual(found("let count = 1; print(cuont);"), [
    "1:22-1:27 variable 'cuont' is not defined (did you mean 'count'?)",
  ]);
  assert.deepEqual(found("print(x); let x = 1;"), ["1:7-1:8 variable 'x' is not defined"]);
  assert.deepEqual(found("{ let inner = 1; print(inner); } print(inner);"), [
    "1:40-1:45 variable 'inner' is not defined",
  ]);
  assert.deepEqual(found("nothing = 1;"), ["1:1-1:8 variable 'nothing' is not defined"]);
});

test("functions see neither variables nor constants of the script", () => {
  assert.deepEqual(found("const LIMIT = 1; let total = 2;\nfn f() { LIMIT + total }"), [
    "2:10-2:15 variable 'LIMIT' is not defined (functions see the constants of the script as 'global::LIMIT')",
    "2:18-2:23 variable 'total' is not defined (functions do not see the variables of the script: pass it as a parameter)",
  ]);
  assert.deepEqual(found("const LIMIT = 1; let total = 2;\nfn f() { global::LIMT + global::total }"), [
    "2:10-2:22 there is no global constant 'LIMT' (did you mean 'global::LIMIT'?)",
    "2:25-2:38 there is no global constant 'total' ('total' is declared with 'let'; only 'const' at the top of the script is visible through 'global::')",
  ]);
});

test("what is declared is found", () => {
  assert.deepEqual(
    found(
      "let a = 1; for (x, i) in [a] { print(x + i); } try { a } catch (e) { print(e); } [1].map(|v, w| v + w + a); fn f(p) { p } let g = f;",
    ),
    [],
  );
  assert.deepEqual(found("fn f() { caller_variable } let caller_variable = 1; f!();"), []);
  assert.deepEqual(found('eval("let made = 1;"); print(made);'), []);
});

test("the host's variables are known at the top, not in functions", () => {
  assert.deepEqual(found("print(node); fn f() { node }", { globals: ["node"] }), [
    "1:23-1:27 variable 'node' is not defined",
  ]);
});
