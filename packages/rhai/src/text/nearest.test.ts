import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("a misspelt name finds what was meant", () => {
  const names = ["run_sh", "run_jrpc", "node_env", "to_string", "x"];
  assert.equal(nearest("run_hs", names), "run_sh");
  assert.equal(nearest("nodeenv", names), "node_env");
  assert.equal(nearest("TO_STRING", names), "to_string");
  assert.equal(nearest("y", names), "x");
  assert.equal(nearest("something", names), null);
  assert.equal(nearest("run_sh", ["run_sh"]), null);
});
