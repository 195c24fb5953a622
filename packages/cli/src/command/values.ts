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

/** A TCP port. */
export function port(text: string): number {
  const value = count(text);
  if (value > 65535) throw new Failure("usage", `'${text}' is not a port (0 to 65535)`);
  return value;
}
