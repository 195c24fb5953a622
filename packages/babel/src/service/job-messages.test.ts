import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { openRegistry, reaches } from "../testbed/registry.ts";
import { jobInfoMessages } from "./job-messages.ts";

test("what is told of jobs is of one moment, also when they change while their files are read", async (t) => {
  const { registry, root } = await openRegistry();
  t.after(async () => {
    await registry.stopAll();
    registry.abandon();
    await rm(root, { recursive: true, force: true });
  });
  const stays = { job_type: { run_sh: "exec sleep 1000" }, restart: "never" as const, shutdown_timeout_secs: 5 };
  await registry.create("base", stays);
  await registry.create("top", { ...stays, needs: ["base"] });
  for (const name of ["base", "top"]) await registry.start(name);
  t.mock.method(registry.get("top").progress, "read", async () => {
    await registry.stop("base", "stop");
    await reaches(registry, "top", "finished");
  });

  const [base, top] = await jobInfoMessages(registry.list());

  assert.equal(base?.status?.status.case, "stopped", "not what it was when the other file had not been read");
  assert.equal(top?.status?.status.case, "finished");
  assert.equal(top.lastFailure, "job 'top' needs 'base', but it was stopped");
});
