import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { boundLog } from "./bound-logs.ts";

const folder = mkdtempSync(join(tmpdir(), "bv-logs-"));
after(() => rmSync(folder, { recursive: true }));

test("of a log that became too long the end is kept, and whoever writes to it goes on", async () => {
  const path = join(folder, "container.log");
  const writer = openSync(path, "a");
  for (let line = 0; line < 100_000; line += 1) writeSync(writer, `line ${line} ${"x".repeat(90)}\n`);
  await boundLog(path);
  writeSync(writer, "after\n");
  closeSync(writer);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.ok(statSync(path).size < 1_100_000);
  assert.match(lines[0] ?? "", /^line \d+ x{90}$/);
  assert.deepEqual([lines.at(-2), lines.at(-1)], [`line 99999 ${"x".repeat(90)}`, "after"]);
  const before = readFileSync(path);
  await boundLog(path);
  await boundLog(join(folder, "absent.log"));
  assert.deepEqual(readFileSync(path), before);
});
