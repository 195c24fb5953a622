import { MONTHS, shortName, WEEKDAYS } from "../values/calendar-names.ts";

/** The seven fields of a schedule and how one of them is read (spec plugin-api.md §6.1). */
export interface CronField {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  /** Lower-case names → number. */
  readonly names: Readonly<Record<string, number>>;
  /** What a name that is not known is not, e.g. `month`. */
  readonly noun: string;
  readonly questionMark: boolean;
}

export class CronError extends Error {
  override readonly name = "CronError";
}

function named(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    words.flatMap((word, index) => [
      [word, index + 1],
      [shortName(word), index + 1],
    ]),
  );
}

const plain = (title: string, noun: string, min: number, max: number): CronField => ({
  title,
  noun,
  min,
  max,
  names: {},
  questionMark: false,
});

export const FIELDS = [
  plain("Seconds", "second", 0, 59),
  plain("Minutes", "minute", 0, 59),
  plain("Hours", "hour", 0, 23),
  { ...plain("Days of Month", "day of the month", 1, 31), questionMark: true },
  { ...plain("Months", "month", 1, 12), names: named(MONTHS) },
  {
    ...plain("Days of Week", "day of the week", 1, 7),
    names: { ...named(WEEKDAYS), tues: 3, thurs: 5 },
    questionMark: true,
  },
  plain("Years", "year", 1970, 2100),
] as const satisfies readonly CronField[];

/** The numbers a field stands for, sorted; every number of the field for `*`. */
export function parseField(field: CronField, text: string, warn: (message: string) => void): readonly number[] {
  const values = new Set<number>();
  for (const item of text.split(",")) for (const value of parseItem(field, item, warn)) values.add(value);
  return [...values].sort((a, b) => a - b);
}

function parseItem(field: CronField, item: string, warn: (message: string) => void): readonly number[] {
  const [range = "", step, ...rest] = item.split("/");
  if (range === "" || rest.length > 0) throw new CronError(`'${item}' is not a valid ${field.noun}.`);
  const [first, last] = bounds(field, range, step !== undefined, warn);
  return series(first, last, step === undefined ? 1 : parseStep(field, step));
}

function bounds(
  field: CronField,
  range: string,
  stepped: boolean,
  warn: (message: string) => void,
): readonly [number, number] {
  if (range === "*") return [field.min, field.max];
  if (range === "?") {
    if (!field.questionMark) throw new CronError(`'?' is only allowed for days, not for ${field.title}`);
    return [field.min, field.max];
  }
  const [from = "", to, ...rest] = range.split("-");
  if (rest.length > 0) throw new CronError(`'${range}' is not a valid ${field.noun}.`);
  const first = ordinal(field, from, warn);
  // `5/10` runs from 5 to the end of the field.
  if (to === undefined) return [first, stepped ? field.max : first];
  const last = ordinal(field, to, warn);
  if (last < first) throw new CronError(`Invalid range for ${field.title}: ${from}-${to}`);
  return [first, last];
}

function ordinal(field: CronField, text: string, warn: (message: string) => void): number {
  if (/^\d+$/.test(text)) {
    const value = Number(text);
    if (value === 0 && field.title === "Days of Week") {
      warn("day of week 0 means Sunday; days count from 1 = Sunday, so write 1 or sun");
      return 1;
    }
    if (value < field.min)
      throw new CronError(`${field.title} must be greater than or equal to ${field.min}. ('${text}' specified.)`);
    if (value > field.max) throw new CronError(`${field.title} must be less than ${field.max}. ('${text}' specified.)`);
    return value;
  }
  const value = field.names[text.toLowerCase()];
  if (value === undefined) throw new CronError(`'${text}' is not a valid ${field.noun}.`);
  return value;
}

function parseStep(field: CronField, text: string): number {
  if (!/^\d+$/.test(text)) throw new CronError(`'${text}' is not a valid step for ${field.title}`);
  const step = Number(text);
  if (step === 0) throw new CronError("range step cannot be zero");
  if (step > field.max) throw new CronError(`${field.title} must be less than ${field.max}. ('${text}' specified.)`);
  return step;
}

function series(first: number, last: number, step: number): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value += step) values.push(value);
  return values;
}
