import { Cron } from "croner";
import { CronError, FIELDS, parseField } from "./fields.ts";

/** A parsed schedule of a task. Times are local to its time zone. */
export interface Schedule {
  readonly text: string;
  /** Accepted, but probably not meant. */
  readonly warnings: readonly string[];
  /** The first occurrence strictly after `after`; undefined when there is none any more. */
  next(after: Date): Date | undefined;
}

const SHORTHANDS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 * *",
  "@annually": "0 0 0 1 1 * *",
  "@monthly": "0 0 0 1 * * *",
  "@weekly": "0 0 0 * * 1 *",
  "@daily": "0 0 0 * * * *",
  "@midnight": "0 0 0 * * * *",
  "@hourly": "0 0 * * * * *",
};

/** More occurrences in a row that no clock shows (DST) are not a schedule. */
const MOST_SKIPS = 1000;

/**
 * Reads `second minute hour day-of-month month day-of-week [year]`, five fields (second 0) or a shorthand. All fields have to match;
 * days of the week count from 1 = Sunday (spec plugin-api.md §6.1). `timeZone`: the machine's when it is left out, which existing images
 * count on (and not UTC, as host-daemon DB-4.11 would have it); a local time that a change of clocks leaves out is left out. Throws `CronError` with the reference's texts.
 */
export function parseSchedule(text: string, timeZone?: string): Schedule {
  if (timeZone !== undefined && !isTimeZone(timeZone)) throw new CronError(`'${timeZone}' is no time zone`);
  const warnings: string[] = [];
  const fields = splitFields(text).map((field, index) =>
    parseField(FIELDS[index]!, field, (message) => warnings.push(message)),
  );
  const cron = new Cron(pattern(fields), {
    mode: "7-part",
    domAndDow: true,
    paused: true,
    ...(timeZone === undefined ? {} : { timezone: timeZone }),
  });
  return {
    text,
    warnings,
    next(after) {
      let at: Date | null = after;
      for (let skips = 0; skips < MOST_SKIPS; skips++) {
        at = cron.nextRun(at);
        // The library moves a time that a change of clocks leaves out; such occurrences are skipped instead.
        if (at === null || cron.match(at)) return at ?? undefined;
      }
      return undefined;
    },
  };
}

/** Whether there is one of that name, e.g. `UTC` or `Europe/Oslo`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function splitFields(text: string): string[] {
  const trimmed = text.trim();
  const expanded = SHORTHANDS[trimmed] ?? trimmed;
  if (expanded.startsWith("@")) throw new CronError(`'${trimmed}' is not a known shorthand`);
  const parts = expanded
    .replace(/\s*,\s*/g, ",")
    .split(/\s+/)
    .filter((part) => part !== "");
  if (parts.length === 5) parts.unshift("0");
  if (parts.length === 6) parts.push("*");
  if (parts.length !== 7)
    throw new CronError(`Invalid cron expression: '${text}' has ${parts.length} fields; 5, 6 or 7 are expected`);
  return parts;
}

/** The same schedule in the words of the library, whose week starts with 0 = Sunday. */
function pattern(fields: readonly (readonly number[])[]): string {
  return fields
    .map((values, index) => {
      const field = FIELDS[index]!;
      if (values.length === field.max - field.min + 1) return "*";
      return values.map((value) => (field.title === "Days of Week" ? value - 1 : value)).join(",");
    })
    .join(" ");
}
