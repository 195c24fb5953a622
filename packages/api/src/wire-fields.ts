import { isIP } from "node:net";
import { invalidArgument, outOfRange } from "./rpc-error.ts";

/** Checks of single request fields (spec §0.5). `field` is the wire name, which is what the error says. */

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const kebabPattern = /^[a-z0-9-]+$/;
const emailPattern = /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\.]+(\.[^\s@<>,;:"()[\]\\.]+)*$/;
const largestInt8 = 2n ** 63n - 1n;

export const isUuid = (text: string): boolean => uuidPattern.test(text);

export function uuid(text: string, field: string): string {
  if (!isUuid(text)) throw invalidArgument(field, text === "" ? undefined : `'${shorten(text)}' is not a UUID`);
  return text;
}

export const optionalUuid = (text: string | undefined, field: string): string | null =>
  text === undefined ? null : uuid(text, field);

/** Lower-kebab keys: protocol, variant, metadata, region, tag, property (≥ 3), store and secret keys (≥ 6). */
export function key(value: string, field: string, minimum = 3, maximum = 128): string {
  if (value.length < minimum || value.length > maximum || !kebabPattern.test(value)) {
    throw invalidArgument(field, `'${shorten(value)}' is not ${minimum} to ${maximum} characters of a-z, 0-9 and '-'`);
  }
  return value;
}

export function text(value: string, field: string, limits: { readonly min?: number; readonly max: number }): string {
  const min = limits.min ?? 0;
  if (value.length < min || value.length > limits.max) {
    throw invalidArgument(field, `has ${value.length} characters, allowed are ${min} to ${limits.max}`);
  }
  if (value.includes("\0")) throw invalidArgument(field, "contains a NUL character");
  return value;
}

export function optionalText(value: string | undefined, field: string, max: number): string | null {
  return value === undefined ? null : text(value, field, { max });
}

export function email(value: string, field = "email"): string {
  const normal = value.trim().toLowerCase();
  if (normal.length > 254 || !emailPattern.test(normal)) throw invalidArgument(field, "is not an email address");
  return normal;
}

export function ip(value: string, field: string): string {
  if (isIP(value) === 0) throw invalidArgument(field, `'${shorten(value)}' is not an IP address`);
  return value;
}

/** What the database's 64-bit integers can hold. */
export function int8(value: bigint, field: string): bigint {
  if (value > largestInt8) throw outOfRange(field);
  return value;
}

export function positive(value: bigint, field: string): bigint {
  if (value <= 0n) throw invalidArgument(field, "has to be greater than zero");
  return int8(value, field);
}

export const shorten = (value: string): string => (value.length > 60 ? `${value.slice(0, 57)}...` : value);
