import { arithmetic } from "../errors/throwing.ts";
import { integerDigits } from "../text/float-text.ts";
import { Float } from "../values/float.ts";
import type { Int } from "../values/int.ts";
import { Timestamp } from "../values/timestamp.ts";

const BILLION = 1_000_000_000n;
/** The reference keeps seconds in 64 bits, counted from the start of the machine: no instant is this far away. */
const FARTHEST = 9223372036854775807n * BILLION;

/** `timestamp ± seconds` (spec 15.11). */
export function addSeconds(from: Timestamp, seconds: Int | Float, isMinus = false): Timestamp {
  const verb = isMinus ? "subtract" : "add";
  if (seconds instanceof Float) {
    if (seconds.n > 2 ** 63 || Number.isNaN(seconds.n) || seconds.n < -(2 ** 63)) {
      throw arithmetic(`Integer overflow for timestamp ${verb}: ${integerDigits(seconds.n)}`);
    }
    const whole = Math.trunc(seconds.n);
    const nanos = BigInt(whole) * BILLION + BigInt(Math.round((seconds.n - whole) * 1e9));
    return new Timestamp(isMinus ? from.nanos - nanos : from.nanos + nanos);
  }
  const delta = isMinus ? -BigInt(seconds) : BigInt(seconds);
  const nanos = from.nanos + delta * BILLION;
  if (nanos >= FARTHEST) {
    const doing = isMinus ? "subtracting" : "adding";
    throw arithmetic(`Timestamp overflow when ${doing} ${seconds} second(s)`);
  }
  return new Timestamp(nanos);
}

/** Seconds from one instant to another, negative when the second is earlier. */
export function secondsBetween(from: Timestamp, to: Timestamp): number {
  return Number(to.nanos - from.nanos) / 1e9;
}
