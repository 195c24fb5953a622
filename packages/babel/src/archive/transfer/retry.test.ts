import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, faultOfStatus, TransferFault, withoutQuery } from "./fault.ts";
import { RETRY_TIMES, RetryPolicy, SharedProgress } from "./retry.ts";

const policy = (progress = new SharedProgress()): RetryPolicy => new RetryPolicy(progress, RETRY_TIMES, () => 1);
const waitOf = (each: RetryPolicy, error: unknown): number | string => {
  const verdict = each.after(error);
  return verdict.kind === "again" ? Math.round(verdict.waitMs) : verdict.fault.message;
};

test("statuses of a store have their classes", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const table: readonly (readonly [number, string | undefined, string, number | undefined])[] = [
    [403, undefined, "url-expired", undefined],
    [401, undefined, "url-expired", undefined],
    [404, undefined, "permanent", undefined],
    [410, undefined, "permanent", undefined],
    [416, undefined, "permanent", undefined],
    [408, undefined, "stalled", undefined],
    [429, "7", "throttled", 7000],
    [503, "Thu, 01 Jan 2026 00:00:09 GMT", "throttled", 9000],
    [503, "whenever", "throttled", undefined],
    [500, "99999999", "transient", 3_600_000],
  ];
  for (const [status, header, kind, retryAfterMs] of table) {
    const fault = faultOfStatus(status, header, now);
    assert.deepEqual([fault.kind, fault.retryAfterMs], [kind, retryAfterMs], String(status));
  }
  const kindOf = (code: string): string => faultOf(Object.assign(new Error(code), { code })).kind;
  assert.deepEqual(["ECONNRESET", "ENOSPC", "EROFS", "EIO"].map(kindOf), [
    "transient",
    ...Array(3).fill("environment"),
  ]);
  assert.equal(withoutQuery("https://store/key?signature=secret"), "https://store/key");
});

test("pauses double up to a minute, honour the server, and begin anew after success", () => {
  const each = policy();
  const reset = new TransferFault("transient", "reset");
  const waits = Array.from({ length: 9 }, () => waitOf(each, reset));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  each.succeeded();
  assert.equal(waitOf(each, reset), 500);
  assert.equal(waitOf(each, new TransferFault("throttled", "429", { retryAfterMs: 5000 })), 5000);
});

test("a refused url is renewed at once; what stays corrupt fails after three more tries; nothing is tried for ever", () => {
  const refused = new TransferFault("url-expired", "403");
  const first = policy();
  assert.deepEqual(first.after(refused), { kind: "again", waitMs: 0, from: "here", newUrl: true });
  assert.equal(waitOf(first, refused), 500);
  const corrupt = policy();
  const wrong = new TransferFault("corrupt", "checksum");
  assert.deepEqual(
    Array.from({ length: 4 }, () => waitOf(corrupt, wrong)),
    [500, 1000, 2000, "checksum"],
  );
  const long = new SharedProgress();
  // As if the last byte had come 31 minutes ago.
  new BigInt64Array(long.shared)[0]! -= 31n * 60n * 1_000_000_000n;
  assert.equal(waitOf(policy(long), refused), "no progress for 30 min");
  assert.equal(waitOf(policy(long), new TransferFault("permanent", "404")), "404");
});
