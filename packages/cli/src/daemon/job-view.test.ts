import assert from "node:assert/strict";
import { test } from "node:test";
import { jobProgressText, jobStatusText, jobView, utcTime } from "./job-view.ts";

test("the states of a job in words", () => {
  const texts = [
    { state: "JOB_STATE_PENDING", waitingFor: ["init", "download"] },
    { state: "JOB_STATE_RUNNING" },
    { state: "JOB_STATE_STOPPED" },
    { state: "JOB_STATE_FINISHED", exitCode: 0 },
    { state: "JOB_STATE_FINISHED", exitCode: 3, message: "why" },
    { state: "JOB_STATE_FINISHED" },
    { state: "JOB_STATE_FINISHED", message: "lost" },
  ] as const;
  assert.deepEqual(
    texts.map((job) => jobStatusText(jobView(job as Parameters<typeof jobView>[0]))),
    [
      "Pending (waiting for: [init, download])",
      "Running",
      "Stopped",
      "Finished with exit code 0",
      "Finished with exit code 3 and message `why`",
      "Finished",
      "Finished with message `lost`",
    ],
  );
});

test("a job that is being stopped, or waits for its next run, says so", () => {
  const running = { state: "JOB_STATE_RUNNING" } as const;
  const soon = new Date(Date.now() + 7_500).toISOString();
  assert.equal(jobStatusText(jobView({ ...running, stopping: true })), "Running (stopping)");
  assert.equal(jobStatusText(jobView({ ...running, ready: false })), "Running (not ready yet)");
  assert.equal(jobStatusText(jobView({ ...running, ready: true })), "Running");
  assert.match(jobStatusText(jobView({ ...running, restartAt: soon })), /^Running \(restarts in [78] s\)$/);
  assert.equal(jobStatusText(jobView({ ...running, restartAt: "2020-01-01T00:00:00Z" })), "Running (restarts now)");
});

test("progress and times", () => {
  const unknown = { rate: null, eta_secs: null, transfer: null, message: "" };
  const transfer = { bytes_total: 28e9, bytes_done: 12e9, bytes_per_sec: 118.4e6, phase: "transfer" };
  const texts = [
    { ...unknown, total: 8, current: 1, message: "chunks" },
    { ...unknown, total: 0, current: 0 },
    { ...unknown, total: null, current: 2.4567, message: "blocks" },
    { ...unknown, total: 3, current: 4 },
    { ...unknown, total: 8, current: 1, message: "chunks", rate: 0.5234, eta_secs: 13.4 },
    { ...unknown, total: 4e9, current: 1e9, message: "bytes", rate: 123_456_789, eta_secs: 24.3 },
    { total: 28, current: 12, message: "chunks", rate: 0.1, eta_secs: 136, transfer },
  ];
  assert.deepEqual(texts.map(jobProgressText), [
    "12.50% (1/8 chunks)",
    "0.00% (0/0)",
    "2.46 blocks",
    "100.00% (4/3)",
    "12.50% (1/8 chunks), 0.523/s, ETA 00:00:14",
    "25.00% (1000000000/4000000000 bytes), 123M/s, ETA 00:00:25",
    "42.86% (12/28 chunks), 118 MB/s, ETA 00:02:16",
  ]);
  assert.equal(utcTime("2025-01-31T12:00:00.123456789Z"), "2025-01-31 12:00:00 UTC");
  assert.equal(utcTime(""), "-");
});
