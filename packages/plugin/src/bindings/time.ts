import { MONTHS, shortName, WEEKDAYS } from "../values/calendar-names.ts";
import { ParseFailure } from "./hex.ts";

/* Texts into unix seconds, sub-seconds dropped (spec plugin-api.md §2.13). */

const SHORT_MONTHS = MONTHS.map(shortName);
/** 1 to 12 for a long or short name, 0 for no month. */
const monthNamed = (text: string): number => SHORT_MONTHS.indexOf(shortName(text.toLowerCase())) + 1;

interface Moment {
  year?: number;
  month?: number;
  day?: number;
  hour?: number;
  hour12?: number;
  afternoon?: boolean;
  minute?: number;
  second?: number;
  /** Seconds east of UTC. */
  offset?: number;
  timestamp?: number;
}

export function parseRfc3339(text: string): number {
  const found = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (!found) throw new ParseFailure(`'${text}' is not an RFC 3339 time`);
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  return unixSeconds(text, {
    year: year!,
    month: month!,
    day: day!,
    hour: hour!,
    minute: minute!,
    second: second!,
    offset: offsetOf(found[7]!),
  });
}

export function parseRfc2822(text: string): number {
  const found =
    /^(?:[A-Za-z]{3},\s*)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d\d):(\d\d)(?::(\d\d))?\s+([+-]\d{4}|GMT|UTC?|Z)$/.exec(
      text.trim(),
    );
  const month = found ? monthNamed(found[2]!) : 0;
  if (!found || month === 0) throw new ParseFailure(`'${text}' is not an RFC 2822 time`);
  const [day, , year, hour, minute, second = "0", zone] = found.slice(1);
  const offset = offsetOf(/^[+-]/.test(zone!) ? zone! : "Z");
  return unixSeconds(text, {
    year: +year!,
    month,
    day: +day!,
    hour: +hour!,
    minute: +minute!,
    second: +second,
    offset,
  });
}

/** What a conversion character reads, and how. */
const DIRECTIVES: Readonly<Record<string, readonly [pattern: string, set: (moment: Moment, text: string) => void]>> = {
  Y: ["[+-]?\\d{1,4}", (m, s) => (m.year = +s)],
  y: ["\\d{2}", (m, s) => (m.year = +s + (+s < 70 ? 2000 : 1900))],
  m: ["\\d{1,2}", (m, s) => (m.month = +s)],
  d: ["\\d{1,2}", (m, s) => (m.day = +s)],
  e: [" ?\\d{1,2}", (m, s) => (m.day = +s)],
  H: ["\\d{1,2}", (m, s) => (m.hour = +s)],
  k: [" ?\\d{1,2}", (m, s) => (m.hour = +s)],
  I: ["\\d{1,2}", (m, s) => (m.hour12 = +s)],
  M: ["\\d{1,2}", (m, s) => (m.minute = +s)],
  S: ["\\d{1,2}", (m, s) => (m.second = +s)],
  p: ["[AaPp][Mm]", (m, s) => (m.afternoon = s.toLowerCase() === "pm")],
  P: ["[AaPp][Mm]", (m, s) => (m.afternoon = s.toLowerCase() === "pm")],
  b: [SHORT_MONTHS.join("|"), (m, s) => (m.month = monthNamed(s))],
  h: [SHORT_MONTHS.join("|"), (m, s) => (m.month = monthNamed(s))],
  B: [MONTHS.join("|"), (m, s) => (m.month = monthNamed(s))],
  a: [WEEKDAYS.map(shortName).join("|"), () => {}],
  A: [WEEKDAYS.join("|"), () => {}],
  f: ["\\d{1,9}", () => {}],
  s: ["-?\\d+", (m, s) => (m.timestamp = +s)],
  z: ["[+-]\\d{2}:?\\d{2}|[Zz]", (m, s) => (m.offset = offsetOf(s))],
  Z: ["[A-Za-z]+", () => {}],
  n: ["\\s+", () => {}],
  t: ["\\s+", () => {}],
  "%": ["%", () => {}],
};

const COMPOSITE: Readonly<Record<string, string>> = {
  T: "%H:%M:%S",
  R: "%H:%M",
  F: "%Y-%m-%d",
  D: "%m/%d/%y",
  c: "%a %b %e %H:%M:%S %Y",
};

/** `format` in the manner of strftime; it must contain an offset (`%z`), or `%s`. */
export function parseTime(text: string, format: string): number {
  const setters: ((moment: Moment, text: string) => void)[] = [];
  const expanded = format.replace(/%([TRFDc])/g, (_, letter: string) => COMPOSITE[letter]!);
  const pattern = expanded.replace(
    /%(\.?\d*:?)(.)|\s+|[^%\s]/gs,
    (piece, flags: string | undefined, letter: string | undefined) => {
      if (letter === undefined) return /\s/.test(piece) ? "\\s+" : piece.replace(/[.*+?^${}()|[\]\\/]/, "\\$&");
      if (letter === "f" && flags?.startsWith(".")) return "(?:\\.\\d{1,9})?";
      const directive = DIRECTIVES[letter];
      if (!directive) throw new ParseFailure(`'%${flags}${letter}' is not a known part of a time format`);
      setters.push(directive[1]);
      return `(${directive[0]})`;
    },
  );
  const found = new RegExp(`^${pattern}$`, "i").exec(text);
  if (!found) throw new ParseFailure(`'${text}' does not match the format '${format}'`);
  const moment: Moment = {};
  for (const [index, set] of setters.entries()) set(moment, found[index + 1]!.trim());
  if (moment.hour12 !== undefined) moment.hour = (moment.hour12 % 12) + (moment.afternoon ? 12 : 0);
  return unixSeconds(text, moment);
}

function offsetOf(text: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(text) ?? [];
  return sign === undefined ? 0 : (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

function unixSeconds(text: string, moment: Moment): number {
  if (moment.timestamp !== undefined) return moment.timestamp;
  const { year, month, day, hour, minute, second = 0, offset } = moment;
  if (
    year === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    offset === undefined
  ) {
    throw new ParseFailure(`'${text}' does not say enough: date, time and offset are needed`);
  }
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const inRange =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second <= 60;
  if (!inRange) throw new ParseFailure(`'${text}' is not a time that exists`);
  // A leap second counts as the second before it.
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + Math.min(second, 59) - offset;
}
