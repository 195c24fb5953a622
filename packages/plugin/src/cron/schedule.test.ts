import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchedule } from "./schedule.ts";

/** The next three occurrences after New Year 2026, local time. */
function runs(text: string, count = 3): string[] {
  const schedule = parseSchedule(text);
  const times: string[] = [];
  for (let at = schedule.next(new Date(2026, 0, 1)); at && times.length < count; at = schedule.next(at)) {
    const pad = (n: number) => String(n).padStart(2, "0");
    times.push(
      `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`,
    );
  }
  return times;
}

test("schedules and their occurrences", () => {
  const table: [text: string, ...times: string[]][] = [
    ["0 0 0 */4 * * *", "2026-01-05 00:00:00", "2026-01-09 00:00:00", "2026-01-13 00:00:00"],
    ["* * * * *", "2026-01-01 00:01:00", "2026-01-01 00:02:00", "2026-01-01 00:03:00"],
    ["*/30 * * * * *", "2026-01-01 00:00:30", "2026-01-01 00:01:00", "2026-01-01 00:01:30"],
    ["0 0 12 ? * 1", "2026-01-04 12:00:00", "2026-01-11 12:00:00", "2026-01-18 12:00:00"],
    ["0 0 12 ? * sun", "2026-01-04 12:00:00", "2026-01-11 12:00:00", "2026-01-18 12:00:00"],
    ["0 0 12 * * Mon-TUES , Thurs", "2026-01-01 12:00:00", "2026-01-05 12:00:00", "2026-01-06 12:00:00"],
    ["0 0 0 13 * fri", "2026-02-13 00:00:00", "2026-03-13 00:00:00", "2026-11-13 00:00:00"],
    ["0 50/5 0 1 jan *", "2026-01-01 00:50:00", "2026-01-01 00:55:00", "2027-01-01 00:50:00"],
    ["0 0 0 1 1 * 2099,2100", "2099-01-01 00:00:00", "2100-01-01 00:00:00"],
    ["0 0 0 31 2 *"],
    ["0 0 0 1 1 * 1999"],
    ["@yearly", "2027-01-01 00:00:00", "2028-01-01 00:00:00", "2029-01-01 00:00:00"],
    ["@weekly", "2026-01-04 00:00:00", "2026-01-11 00:00:00", "2026-01-18 00:00:00"],
    ["@hourly", "2026-01-01 01:00:00", "2026-01-01 02:00:00", "2026-01-01 03:00:00"],
  ];
  for (const [text, ...times] of table) assert.deepEqual(runs(text), times, text);
});

test("wrong schedules", () => {
  const table: [text: string, message: RegExp][] = [
    ["60 * * * * *", /^Seconds must be less than 59\. \('60' specified\.\)$/],
    ["0 0 5-3 * * *", /^Invalid range for Hours: 5-3$/],
    ["0 0 0 ? * foo", /^'foo' is not a valid day of the week\.$/],
    ["0 0 0 0 * *", /^Days of Month must be greater than or equal to 1/],
    ["0 0 0 * * 8", /^Days of Week must be less than 7/],
    ["*/0 * * * * *", /^range step cannot be zero$/],
    ["? * * * * *", /only allowed for days/],
    ["* * * *", /has 4 fields/],
    ["@reboot", /not a known shorthand/],
    ["", /has 0 fields/],
    ["1-2-3 * * * * *", /not a valid second/],
    ["* * * * * * 2101", /^Years must be less than 2100/],
  ];
  for (const [text, message] of table) assert.throws(() => parseSchedule(text), { name: "CronError", message }, text);
});

test("day of week 0 is taken as Sunday, with a warning", () => {
  const schedule = parseSchedule("0 0 12 * * 0");
  assert.deepEqual(runs("0 0 12 * * 0", 1), ["2026-01-04 12:00:00"]);
  assert.equal(schedule.warnings.length, 1);
});

test("a schedule is meant in its time zone; a time that a change of clocks leaves out is left out, one that comes twice counts once", () => {
  const next = (text: string, timeZone: string, after: string) =>
    parseSchedule(text, timeZone).next(new Date(after))?.toISOString();
  assert.equal(next("0 0 12 * * *", "UTC", "2026-01-01T00:00:00Z"), "2026-01-01T12:00:00.000Z");
  assert.equal(next("0 0 12 * * *", "Asia/Tokyo", "2026-01-01T00:00:00Z"), "2026-01-01T03:00:00.000Z");
  assert.equal(next("0 30 2 29 3 *", "Europe/Oslo", "2026-03-29T00:00:00Z"), "2027-03-29T00:30:00.000Z");
  assert.equal(next("0 30 2 * * *", "Europe/Oslo", "2026-03-28T12:00:00Z"), "2026-03-30T00:30:00.000Z");
  assert.equal(next("0 30 2 * * *", "Europe/Oslo", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00.000Z");
  assert.equal(next("0 30 2 * * *", "Europe/Oslo", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00.000Z");
});
