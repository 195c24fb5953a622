import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("unused-import", text, options);

test("modules that nothing uses", () => {
  assert.deepEqual(
    found('import "a" as a; import "b" as b; import "c" as c; import "d" as _d; print(b::X); fn f() { c::g() }'),
    ["1:15-1:16 module 'a' is never used"],
  );
});
