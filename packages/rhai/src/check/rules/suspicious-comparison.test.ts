import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("suspicious-comparison", text, options);

test("values that are never equal", () => {
  assert.deepEqual(found('let x = 1; if x == "1" { }'), [
    "1:15-1:23 comparing i64 with string is always false (convert one side with 'parse_int(…)' or 'to_string()')",
  ]);
  assert.deepEqual(found("if [1] != #{} { } if `a` < 2.0 { }"), [
    "1:4-1:14 comparing array with map is always true",
    "1:22-1:31 comparing string with f64 is always false",
  ]);
  assert.deepEqual(found('fn f(l) { l.len() == "3" }'), [
    "1:11-1:25 comparing i64 with string is always false (convert one side with 'parse_int(…)' or 'to_string()')",
  ]);
});

test("names of types that do not exist", () => {
  assert.deepEqual(found('fn f(x) { type_of(x) == "int" || x.type_of() != "object" }'), [
    '1:25-1:30 \'type_of\' never gives "int" (the name is "i64")',
    '1:49-1:57 \'type_of\' never gives "object" (the name is "map")',
  ]);
});

test("what may well be equal", () => {
  assert.deepEqual(
    found(
      'let x = 1; x = "1"; x == "1"; 1 == 1.0; \'a\' == "a"; fn f(p) { p == 1 } let y = "a" + 1; y == "a1"; type_of(1) == "i64"',
    ),
    [],
  );
});
