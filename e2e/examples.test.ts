import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dockerBuild, Workbench } from "./workbench.ts";

test("a node needs nothing in its image but one static binary", async () => {
  await using bench = new Workbench("scratch");
  const folder = bench.example("minimal-scratch");
  copyFileSync("/bin/busybox", join(folder, "busybox"));
  dockerBuild(folder, "minimal-scratch:latest");
  await bench.startDaemon();

  const checks = ["plugin", "jobs-status", "jobs-restarts", "protocol-status"];
  const checked = bench.must("nib", ["image", "check", "--jobs-wait", "1", "--force-cleanup", ...checks], {
    cwd: folder,
  });
  assert.match(checked, /All checks passed!\n$/);

  bench.must("nib", ["image", "play", "--start"], { cwd: folder });
  assert.equal(bench.must("bv", ["node", "run", "greet", "--param", "world"]).trim(), "hello world");
  bench.must("bv", ["node", "restart", JSON.parse(bench.must("bv", ["node", "ls", "--format", "json"])).nodes[0].id]);
  assert.equal(bench.must("bv", ["node", "run", "greet", "--param", "again"]).trim(), "hello again");
});
