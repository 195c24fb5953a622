import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "./daemon-log.ts";

/** A log with a clock of its own, and what it has written. */
function makeLog() {
  const lines: Record<string, unknown>[] = [];
  const clock = { now: 0 };
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line)) }, () => clock.now);
  const written = () => lines.splice(0).map(({ time, ...line }) => line);
  return { log, clock, written };
}

test("a warning that repeats itself is written a few times a minute, then with how many were not", () => {
  const { log, clock, written } = makeLog();
  for (let count = 1; count <= 8; count += 1) log.warn({ code: "timeout" }, `babel did not answer for ${count} s`);
  log.warn("another one");
  const line = (count: number) => ({ level: "warn", code: "timeout", msg: `babel did not answer for ${count} s` });
  assert.deepEqual(written(), [...[1, 2, 3, 4, 5].map(line), { level: "warn", msg: "another one" }]);

  clock.now = 60_000;
  log.warn({ code: "timeout" }, "babel did not answer for 9 s");
  assert.deepEqual(written(), [{ ...line(9), held_back: 3 }]);
});

test("of each node the first are written, also when others repeat the same; one that always finds new words is held back, too", () => {
  const { log, written } = makeLog();
  for (const node of ["one", "two"]) for (let count = 0; count < 6; count += 1) log.child({ node }).error("dead");
  assert.deepEqual(
    written().map(({ node }) => node),
    ["one", "two"].flatMap((node) => Array.from({ length: 5 }, () => node)),
  );
  for (let count = 0; count < 200; count += 1) log.error({ node: "three" }, `Babel: ${"x".repeat(count)}`);
  assert.equal(written().length, 60);
  log.child({ node: "four" }).error("Babel: x");
  assert.equal(written().length, 1);
});

test("what is no trouble is never held back, nor what ends the daemon; tokens are", () => {
  const { log, written } = makeLog();
  for (let count = 0; count < 20; count += 1) log.info({ token: "secret" }, "again");
  for (let count = 0; count < 20; count += 1) log.fatal("the end");
  assert.deepEqual(
    [...new Set(written().map((line) => JSON.stringify(line)))],
    ['{"level":"info","token":"[Redacted]","msg":"again"}', '{"level":"fatal","msg":"the end"}'],
  );
});
