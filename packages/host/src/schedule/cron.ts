import { Cron } from "croner";
import { HostError } from "../errors/host-error.ts";

const shorthands: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 *",
  "@annually": "0 0 0 1 1 *",
  "@monthly": "0 0 0 1 * *",
  "@weekly": "0 0 0 * * 1",
  "@daily": "0 0 0 * * *",
  "@midnight": "0 0 0 * * *",
  "@hourly": "0 0 * * * *",
};

/** A point in time after which the next run lies. */
export interface Schedule {
  readonly text: string;
  next(after: Date): Date | undefined;
}

/**
 * Spec plugin-api §6.1: 6 fields from seconds on, an optional year, or 5 fields (seconds = 0), or a shorthand;
 * weekdays count from Sunday = 1 (0 is taken as Sunday too); a time matches when all fields match.
 * `timeZone`: the machine's when it is left out, which existing images count on (and not UTC, as DB-4.11 would have it); a local time that
 * does not exist is left out.
 */
export function parseSchedule(text: string, timeZone?: string): Schedule {
  const trimmed = text.trim();
  const expression = shorthands[trimmed.toLowerCase()] ?? trimmed;
  const fields = expression.replace(/\s*([,/-])\s*/g, "$1").split(/\s+/);
  if (fields.length < 5 || fields.length > 7) {
    throw invalid(text, "expected 5, 6 or 7 fields, or @hourly, @daily, @weekly, @monthly, @yearly");
  }
  const six = fields.length === 5 ? ["0", ...fields] : fields;
  const normal = six.map((field, index) =>
    shortNames(index === dayOfWeek ? sundayIsOne(anyDay(field)) : index === dayOfMonth ? anyDay(field) : field),
  );
  try {
    const cron = new Cron(normal.join(" "), {
      paused: true,
      domAndDow: true,
      alternativeWeekdays: true,
      sloppyRanges: true,
      ...(timeZone === undefined ? {} : { timezone: timeZone }),
    });
    return { text: trimmed, next: (after) => nextOf(cron, after) };
  } catch (error) {
    throw invalid(text, (error as Error).message.replace(/^CronPattern: /, ""));
  }
}

/** A local time that the change to summer time leaves out would be taken for the next that there is. */
function nextOf(cron: Cron, after: Date): Date | undefined {
  let next = cron.nextRun(after);
  while (next !== null && !cron.match(next)) next = cron.nextRun(next);
  return next ?? undefined;
}

const dayOfMonth = 3;
const dayOfWeek = 5;

function anyDay(field: string): string {
  return field === "?" ? "*" : field;
}

function sundayIsOne(field: string): string {
  return field.replace(/(^|,)0(?=$|[-,/])/g, "$11");
}

/** `thursday`, `tues`, `january` → their first three letters. */
function shortNames(field: string): string {
  return field.replace(/[a-z]{4,}/gi, (name) => name.slice(0, 3));
}

function invalid(text: string, reason: string): HostError {
  return new HostError("invalid", `invalid schedule '${text}': ${reason}`, {
    hint: "write `second minute hour day-of-month month day-of-week [year]`, e.g. `0 0 */4 * * *`",
  });
}
