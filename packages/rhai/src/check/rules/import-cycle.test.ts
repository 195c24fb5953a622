import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../parse/parse.ts";
import { findings } from "../findings.ts";

const TEXTS: Readonly<Record<string, string>> = {
  a: 'import "b" as _b;',
  b: 'import "" as _main;',
  "": 'import "a" as _a;',
  lazy: 'fn f() { import "" as main; main::f() }',
};
const modules = (path: string) => (path in TEXTS ? { name: path, program: parse(TEXTS[path]!) } : null);

test("an import that leads back is reported with the way", () => {
  assert.deepEqual(findings('import "a" as _a;', { modules }), [
    "1:8-1:11 import-cycle: this import leads back here:  → a → b → ",
  ]);
});

test("an import inside a function does not run when the module is loaded", () => {
  assert.deepEqual(findings('import "lazy" as _l;', { modules }), []);
});
