import { jsonOfValue, type RecordedCall, valueOfJson } from "./recording.ts";
import type { Redaction } from "./redaction.ts";

type Redact = (value: never, redaction: Redaction) => unknown;

const address: Redact = (value: string, redaction) => redaction.address(value);
/** JSON is redacted as it is written: in the value a number would be none of its forms. */
const body: Redact = (value: unknown, redaction) => valueOfJson(redaction.text(jsonOfValue(value)));

/** What is not redacted as any other data. */
const FIELDS: Readonly<Record<string, Redact>> = {
  call: (name: string) => name,
  host: address,
  url: address,
  params: body,
  sent: body,
  body,
  headers: (pairs: readonly (readonly [string, string])[], redaction) => pairs.map((pair) => redaction.header(pair)),
  env: (env: Readonly<Record<string, string>>, redaction) =>
    Object.fromEntries(Object.entries(env).map((pair) => redaction.header(pair))),
};

/** A call, or what is asked by one, without secrets. What was redacted stays as it is. */
export function redacted<Q extends object>(asked: Q, redaction: Redaction): Q {
  return Object.fromEntries(
    Object.entries(asked).map(([field, value]) => {
      const own = FIELDS[field];
      return [field, own ? own(value as never, redaction) : redaction.data(value)];
    }),
  ) as Q;
}

/** Undefined: there are secrets in a file that is no text. */
export function redactedCall(call: RecordedCall, redaction: Redaction): RecordedCall | undefined {
  if (call.call === "file_read" && "base64" in call && redaction.isIn(Buffer.from(call.base64, "base64")))
    return undefined;
  return redacted(call, redaction);
}
