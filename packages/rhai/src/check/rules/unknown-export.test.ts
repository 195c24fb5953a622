import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../parse/parse.ts";
import { findings } from "../findings.ts";
import type { ModuleLookup } from "../options.ts";

const TEXTS: Readonly<Record<string, string>> = {
  lib: 'import "deep" as deep; export const LIMIT = 1; export let a = 1; const HIDDEN = 2; export a as other; fn work(x) { x } fn work(x, y) { x + y } private fn secret() {}',
  deep: "export const DEPTH = 9; fn dive() {}",
  loop: 'import "loop2" as next;',
  loop2: 'import "main" as main;',
};

const modules: ModuleLookup = (path) => {
  if (path === "main") return { name: "", program: parse('import "loop" as l;') };
  const text = TEXTS[path];
  return text === undefined ? null : { name: path, program: parse(text) };
};

const found = (text: string) => findings(text, { modules });

test("what a module does not export", () => {
  assert.deepEqual(found('import "lib" as lib; print(lib::LIMITS + lib::HIDDEN + lib::nothing);'), [
    "1:28-1:39 unknown-export: module 'lib' does not export 'LIMITS' (did you mean 'lib::LIMIT'?)",
    "1:42-1:53 unknown-export: module 'lib' does not export 'HIDDEN' (write 'export' before 'HIDDEN' there)",
    "1:56-1:68 unknown-export: module 'lib' does not export 'nothing'",
  ]);
  assert.deepEqual(found('import "lib" as lib; fn f() { lib::wokr(1); lib::secret(); lib::work(); }'), [
    "1:31-1:40 unknown-export: module 'lib' does not export a function 'wokr' (did you mean 'lib::work'?)",
    "1:45-1:56 unknown-export: module 'lib' does not export a function 'secret' (it is private there)",
    "1:60-1:69 unknown-export: 'lib::work' takes 1 or 2 arguments, not 0",
  ]);
});

test("what it exports, and modules of modules", () => {
  assert.deepEqual(
    found('import "lib" as lib; print(lib::LIMIT + lib::a + lib::other + lib::work(1)); lib::deep::dive();'),
    [],
  );
  assert.deepEqual(found('import "lib" as lib; print(lib::deep::DEPHT);'), [
    "1:28-1:44 unknown-export: module 'lib::deep' does not export 'DEPHT' (did you mean 'lib::deep::DEPTH'?)",
  ]);
});
