import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { jobOutput } from "./job-output.ts";
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

test("a line of a job's log that was moving to the next segment when the node ended is read once", async () => {
  const rootfs = await mkdtemp(join(tmpdir(), "bv-job-output-"));
  try {
    const folder = join(rootfs, "var/lib/babel/jobs/reth/log");
    await mkdir(folder, { recursive: true });
    const segments = { "1.00": "one\ntwo\nthr", "1.08": "three\n", "1.20": "after a gap\n", "2.00": "again\n" };
    for (const [name, content] of Object.entries(segments)) {
      const [run = "", start = ""] = name.split(".");
      await writeFile(join(folder, `${run.padStart(10, "0")}.${start.padStart(20, "0")}.log`), content);
    }
    const read = async (maxBytes: number) =>
      (await jobOutput(rootfs, "reth", maxBytes)).map(({ run, offset, content }) => [run, offset, String(content)]);
    const later = [
      [1n, 20n, "after a gap\n"],
      [2n, 0n, "again\n"],
    ];
    assert.deepEqual(await read(1_000), [[1n, 0n, "one\ntwo\nthree\n"], ...later]);
    assert.deepEqual(await read(31), [[1n, 4n, "two\nthree\n"], ...later]);
  } finally {
    await rm(rootfs, { recursive: true });
  }
});
