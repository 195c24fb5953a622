import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("duplicate-switch-case", text, options);

test("labels that are taken", () => {
  assert.deepEqual(found("switch 1 { 1 => 1, 2 => 2, 1 => 3 }"), ["1:28-1:29 an earlier case already takes this"]);
  assert.deepEqual(found('switch 1 { 1 | 1 => 1, "a" => 2, `a` => 3 }'), [
    "1:16-1:17 an earlier case already takes this",
    "1:34-1:37 an earlier case already takes this",
  ]);
  assert.deepEqual(found("switch 1 { 0..10 => 1, 3..=5 => 2, 5..20 => 3 }"), [
    "1:24-1:29 an earlier case already takes this",
  ]);
  assert.deepEqual(found("switch 1 { #{ a: 1, b: [2] } => 1, #{ b: [2], a: 1 } => 2 }"), [
    "1:36-1:53 an earlier case already takes this",
  ]);
});

test("labels that differ, or whose earlier arm has a condition", () => {
  assert.deepEqual(found("switch 1 { 1 if true => 1, 1 => 2, 1.0 => 3, '1' => 4, \"1\" => 5, _ => 6 }"), []);
});
