import assert from "node:assert/strict";
import { test } from "node:test";
import { readPluginConfig } from "../config/read.ts";
import type { JobInfo, JobStatus } from "../engine/job.ts";
import { valueFromJson } from "../values/from-json.ts";
import { statusFromJobs } from "./job-state.ts";

const PLUGIN = {
  init: { commands: [], jobs: [{ name: "jwt", run_sh: "x" }] },
  services: [{ name: "reth", run_sh: "x" }],
};
const config = readPluginConfig(valueFromJson(PLUGIN)).config;
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
  const failed = (code: number | null): JobStatus => ({ finished: { exit_code: code, message: "" } });
  const table: [jobs: Record<string, JobStatus>, state: string | undefined][] = [
    [{ upload: "running", download: "running" }, "uploading"],
    [{ download: "running", reth: pending }, "downloading"],
    [{ download: { pending: { waiting_for: [] } }, reth: pending }, "downloading"],
    [{ download: pending, reth: pending }, "starting"],
    [{ jwt: "running", download: pending, reth: pending }, "initializing"],
    [{ jwt: "running", reth: "running" }, undefined],
    [{ reth: pending }, "starting"],
    [{ other: pending, reth: "running", download: pending }, undefined],
    [{ download: failed(-1), reth: failed(null) }, "failed"],
    [{ reth: failed(1), download: "running" }, "downloading"],
    [{ reth: failed(0), download: failed(1) }, undefined],
    [{ reth: "running", download: failed(1) }, undefined],
    [{ reth: "stopped", other: failed(1) }, undefined],
    [{}, undefined],
  ];
  for (const [jobs, state] of table) {
    const infos = Object.fromEntries(Object.entries(jobs).map(([name, status]) => [name, info(status)]));
    const expected = state === undefined ? undefined : { state, health: state === "failed" ? "unhealthy" : "neutral" };
    assert.deepEqual(await statusFromJobs(infos, async () => config), expected);
  }
  const progress = { total: 8, current: 1, message: "chunks" };
  for (const [job, state] of [
    ["upload", "uploading"],
    ["download", "downloading"],
  ] as const) {
    const told = await statusFromJobs({ [job]: { ...info("running"), progress } }, async () => config);
    assert.deepEqual(told, { state, health: "neutral", progress });
  }
  assert.equal(await statusFromJobs({ reth: info(pending) }, async () => undefined), undefined);
});
