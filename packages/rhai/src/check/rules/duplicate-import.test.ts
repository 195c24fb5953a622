import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("duplicate-import", text, options);

test("the same name imported twice", () => {
  assert.deepEqual(found('import "a" as m; import "b" as m; print(m::X);'), [
    "1:32-1:33 module 'm' is imported a second time",
  ]);
  assert.deepEqual(found('import "a" as m; { import "b" as m; print(m::X); } print(m::X);'), []);
});
