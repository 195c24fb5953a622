import assert from "node:assert/strict";
import { test } from "node:test";
import { bandwidth, countOrNone, moment } from "./values.ts";

test("bandwidths are decimal or binary, with and without a second", () => {
  const cases = ["20MB/s", "500kB", "1.5 MiB/s", "64k", "1GB/s", "1000", "none", "0"];
  assert.deepEqual(cases.map(bandwidth), [20e6, 500e3, 1.5 * 2 ** 20, 64e3, 1e9, 1000, 0, 0]);
  for (const wrong of ["fast", "10 parsecs", "-1MB", "1e3", ""])
    assert.throws(() => bandwidth(wrong), /is not a bandwidth/);
});

test("a number or none", () => {
  assert.deepEqual(["3", "none", "unlimited"].map(countOrNone), [3, 0, 0]);
  assert.throws(() => countOrNone("few"), /is not a whole number/);
});

test("moments: a date, or how long ago", () => {
  assert.equal(moment("2026-01-31T12:00:00Z"), "2026-01-31T12:00:00.000Z");
  const earliest = Date.now() - 600_000;
  const then = Date.parse(moment("10m"));
  assert.ok(earliest <= then && then <= Date.now() - 600_000, `${then} is not 600 s after ${earliest}`);
  assert.throws(() => moment("2026-99-99"), /is no moment/);
  assert.throws(() => moment("soon"), /is not a time span/);
});
