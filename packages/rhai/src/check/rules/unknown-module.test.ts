import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../parse/parse.ts";
import { findings } from "../findings.ts";

test("imports of what does not exist", () => {
  const modules = (path: string) => (path === "here" ? { name: path, program: parse("") } : null);
  assert.deepEqual(
    findings('import "here" as _a; import "gone" as _b; let path = "x"; import path as _c;', { modules }),
    ["1:29-1:35 unknown-module: there is no module 'gone'"],
  );
});

test("names that nothing imports", () => {
  assert.deepEqual(findings('import "a" as base; print(bsae::X + base::Y); other::f();'), [
    "1:27-1:31 unknown-module: no module is imported as 'bsae' here (did you mean 'base'?)",
    "1:47-1:52 unknown-module: no module is imported as 'other' here (add 'import \"…\" as other;' at the top)",
  ]);
  assert.deepEqual(findings('{ import "a" as inner; print(inner::X); } inner::f();'), [
    "1:43-1:48 unknown-module: no module is imported as 'inner' here (add 'import \"…\" as inner;' at the top)",
  ]);
});
