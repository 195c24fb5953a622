import { Failure } from "../failure/failure.ts";

/** Parses option texts; each throws a usage error that names the text. */

/** A time span in seconds: `30`, `30s`, `2m`, `1h`. */
export function seconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text);
  if (!match) {
    throw new Failure("usage", `'${text}' is not a time span`, {
      hint: "give seconds, or a number with s, m or h: 30s",
    });
  }
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600 }[match[2] ?? "s"] ?? 1;
  return Number(match[1]) * unit;
}

/** A whole number that is not negative. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Failure("usage", `'${text}' is not a whole number`);
  return Number(text);
}

/** A regular expression, as JavaScript has them. */
export function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch {
    throw new Failure("usage", `'${text}' is not a regular expression`);
  }
}

/** A TCP port. */
export function port(text: string): number {
  const value = count(text);
  if (value > 65535) throw new Failure("usage", `'${text}' is not a port (0 to 65535)`);
  return value;
}

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
};

/** Bytes per second: `20MB/s`, `500kB`, `1.5 MiB/s`; `none` is 0. */
export function bandwidth(text: string): number {
  if (/^(none|unlimited)$/i.test(text)) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*(|[kmg]i?)b?(?:\/s)?$/i.exec(text.trim());
  const scale = byteUnits[match?.[2]?.toLowerCase() ?? ""];
  if (!match || scale === undefined) {
    throw new Failure("usage", `'${text}' is not a bandwidth`, {
      hint: "give bytes per second: 20MB/s, 500kB/s, none",
    });
  }
  return Math.round(Number(match[1]) * scale);
}

/** A number of something, or `none` for 0. */
export function countOrNone(text: string): number {
  return /^(none|unlimited)$/i.test(text) ? 0 : count(text);
}

/** A moment: `2026-01-31T12:00:00Z`, `2026-01-31 12:00`, or a time span before now: `10m`. As RFC 3339. */
export function moment(text: string): string {
  const date = /^\d{4}-/.test(text) ? new Date(text) : new Date(Date.now() - seconds(text) * 1000);
  if (Number.isNaN(date.getTime())) {
    throw new Failure("usage", `'${text}' is no moment`, {
      hint: "give a time (2026-01-31T12:00:00Z) or how long ago: 10m",
    });
  }
  return date.toISOString();
}
