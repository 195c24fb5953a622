import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchedule } from "./cron.ts";

const from = new Date(2026, 0, 1, 0, 0, 30); // Thursday, local time

const cases: readonly (readonly [schedule: string, next: Date])[] = [
  ["0 0 0 */4 * * *", new Date(2026, 0, 5)],
  ["*/10 * * * * *", new Date(2026, 0, 1, 0, 0, 40)],
  ["5 * * * *", new Date(2026, 0, 1, 0, 5)],
  ["0 0 12 ? * 1", new Date(2026, 0, 4, 12)], // 1 = Sunday
  ["0 0 12 * * 0", new Date(2026, 0, 4, 12)],
  ["0 0 12 * * sunday", new Date(2026, 0, 4, 12)],
  ["0 0 0 * * tues , thurs", new Date(2026, 0, 6)],
  ["0 0 0 13 * fri", new Date(2026, 1, 13)], // both must match
  ["0 0 0 1 march * 2027", new Date(2027, 2, 1)],
  ["0 5/20 * * * *", new Date(2026, 0, 1, 0, 5)],
  ["@daily", new Date(2026, 0, 2)],
  ["@weekly", new Date(2026, 0, 4)],
  ["@hourly", new Date(2026, 0, 1, 1)],
  ["@yearly", new Date(2027, 0, 1)],
];

for (const [schedule, next] of cases) {
  test(`the next run of '${schedule}'`, () => {
    assert.deepEqual(parseSchedule(schedule).next(from), next);
  });
}

test("a schedule is meant in the time zone of the configuration; a time that the change to summer time leaves out is left out", () => {
  const next = (schedule: string, timeZone: string, after: string) =>
    parseSchedule(schedule, timeZone).next(new Date(after))?.toISOString();
  assert.equal(next("0 0 12 * * *", "UTC", "2026-01-01T00:00:00Z"), "2026-01-01T12:00:00.000Z");
  assert.equal(next("0 0 12 * * *", "Asia/Tokyo", "2026-01-01T00:00:00Z"), "2026-01-01T03:00:00.000Z");
  assert.equal(next("0 30 2 29 3 *", "Europe/Oslo", "2026-03-29T00:00:00Z"), "2027-03-29T00:30:00.000Z");
});

test("a schedule without a future occurrence has no next run", () => {
  assert.equal(parseSchedule("0 0 0 1 1 * 2020").next(from), undefined);
});

for (const schedule of [
  "",
  "* * *",
  "61 * * * * *",
  "0 0 25 * * *",
  "0 5-3 * * * *",
  "*/0 * * * * *",
  "0 0 0 * foo *",
  "a b c d e f g h",
]) {
  test(`'${schedule}' is refused with its reason`, () => {
    assert.throws(() => parseSchedule(schedule), { name: "HostError", code: "invalid", message: /^invalid schedule / });
  });
}
