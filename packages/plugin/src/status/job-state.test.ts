import assert from "node:assert/strict";
import { test } from "node:test";
import { readPluginConfig } from "../config/read.ts";
import type { JobInfo, JobStatus } from "../engine/job.ts";
import { valueFromJson } from "../values/from-json.ts";
import { statusFromJobs } from "./job-state.ts";

const config = readPluginConfig(valueFromJson({ services: [{ name: "reth", run_sh: "x" }] })).config;
const info = (status: JobStatus): JobInfo => ({
  status,
  timestamp: { secs_since_epoch: 0, nanos_since_epoch: 0 },
  progress: null,
  restart_count: 0,
  logs: [],
  upgrade_blocking: false,
});

test("what jobs say about the protocol (§12 32)", async () => {
  const pending: JobStatus = { pending: { waiting_for: ["download"] } };
  const table: [jobs: Record<string, JobStatus>, state: string | undefined][] = [
    [{ upload: "running", download: "running" }, "uploading"],
    [{ download: "running", reth: pending }, "downloading"],
    [{ reth: pending }, "starting"],
    [{ other: pending, reth: "running", download: pending }, undefined],
    [{ reth: { finished: { exit_code: 1, message: "" } } }, undefined],
    [{}, undefined],
  ];
  for (const [jobs, state] of table) {
    const infos = Object.fromEntries(Object.entries(jobs).map(([name, status]) => [name, info(status)]));
    const expected = state === undefined ? undefined : { state, health: "neutral" };
    assert.deepEqual(await statusFromJobs(infos, async () => config), expected);
  }
  assert.equal(await statusFromJobs({ reth: info(pending) }, async () => undefined), undefined);
});
