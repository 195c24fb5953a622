import assert from "node:assert/strict";
import { test } from "node:test";
import { logLineText } from "./log-line.ts";

test("a log line has its time before it when the job wants times", () => {
  const zone = process.env["TZ"];
  try {
    const time = "2025-01-31T12:00:00.123456Z";
    process.env["TZ"] = "UTC";
    assert.equal(logLineText({ time, text: "up" }), "2025-01-31 12:00:00.123 +00:00|up");
    process.env["TZ"] = "Asia/Kolkata";
    assert.equal(logLineText({ time, text: "up" }), "2025-01-31 17:30:00.123 +05:30|up");
    process.env["TZ"] = "America/St_Johns";
    assert.equal(logLineText({ time }), "2025-01-31 08:30:00.123 -03:30|");
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
  assert.equal(logLineText({ text: "up" }), "up");
});
