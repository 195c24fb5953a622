import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { logTail } from "./node-logs.ts";

test("of a log that a container has made longer than memory, only the end is read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bv-logs-"));
  try {
    const path = join(folder, "babel.log");
    await writeFile(path, "the whole of it\n");
    assert.equal(String(await logTail(path, 100)), "the whole of it\n");
    await truncate(path, 2 ** 40);
    await writeFile(path, "last words\n", { flag: "a" });
    assert.equal(String(await logTail(path, 11)), "last words\n");
    await assert.rejects(logTail(join(folder, "none"), 1), { code: "ENOENT" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
