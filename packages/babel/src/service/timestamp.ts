import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";

/** Unix milliseconds, with fractions, as they come from file times and logs. */
export function timestampOf(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1_000) * 1_000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos });
}

/** Unix milliseconds, with fractions. */
export const millisecondsOf = (timestamp: Timestamp): number =>
  Number(timestamp.seconds) * 1000 + timestamp.nanos / 1_000_000;
