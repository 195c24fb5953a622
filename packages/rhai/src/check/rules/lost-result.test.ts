import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("lost-result", text, options);

test("methods that return nothing", () => {
  assert.deepEqual(found('let a = " x "; let b = a.trim(); print(a.replace("x", "y"));'), [
    "1:26-1:30 'trim' changes the value in place and returns '()' (call it in a statement of its own, then use the variable)",
    "1:42-1:49 'replace' changes the value in place and returns '()' (call it in a statement of its own, then use the variable)",
  ]);
  assert.deepEqual(found('" x ".trim();'), [
    "1:7-1:11 'trim' changes a value that is thrown away (put the value into a variable first)",
  ]);
});

test("methods called for their effect", () => {
  assert.deepEqual(found('let a = " x "; a.trim(); a.push("y"); fn reverse() { this } let b = a.reverse();'), []);
});
