import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

test("the contract of all runtimes, with runc in crun's place", () => {
  const suite = join(import.meta.dirname, "runtime-contract.test.ts");
  // Not this run's: the inner runner would report to it instead of to us.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const env = { ...environment, BV_TEST_RUNTIME: "runc", BV_TEST_CYCLES: "3" };
  const run = spawnSync(process.execPath, ["--test", suite], { encoding: "utf8", env, timeout: 300_000 });
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
});
