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

test("progress and times", () => {
  assert.equal(jobProgressText({ total: 8, current: 1, message: "chunks" }), "12.50% (1/8 chunks)");
  assert.equal(jobProgressText({ total: 0, current: 0, message: "" }), "0.00% (0/0)");
  assert.equal(utcTime("2025-01-31T12:00:00.123456789Z"), "2025-01-31 12:00:00 UTC");
  assert.equal(utcTime(""), "-");
});
