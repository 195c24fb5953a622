import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stoppedJobLines } from "./stopped-job-logs.ts";

test("logs of a stopped node are read as babel would, and nothing that the container put there leads elsewhere", async (t) => {
  const rootfs = await mkdtemp(join(tmpdir(), "bv-stopped-"));
  t.after(() => rm(rootfs, { recursive: true }));
  const folderOf = (job: string) => join(rootfs, "var/lib/babel/jobs", job, "log");
  for (const job of ["node", "quiet", "evil"]) await mkdir(folderOf(job), { recursive: true });
  const segment = (run: number, offset: number) =>
    `${String(run).padStart(10, "0")}.${String(offset).padStart(20, "0")}.log`;
  const write = (name: string, text: string) => writeFile(join(folderOf("node"), name), text);
  // What came before was rotated away, in the middle of a line; so is the line that two segments share.
  await write(segment(1, 100), "rest of a line\none\ntw");
  await write(segment(1, 121), "o\nthree without an end");
  await write(segment(3, 0), `four\n${"x".repeat(65_536)}yy\n`);
  await write("0000000001.00000000000000000100.times", "100 1700000000000000\n");
  await writeFile(join(rootfs, "secret"), "of the host\n");
  await symlink(join(rootfs, "secret"), join(folderOf("evil"), segment(1, 0)));

  const lines = async (job: string, count = 0) => {
    const found: (readonly [string, string, bigint, boolean])[] = [];
    for await (const { job: name = "", text = "", sequence = 0n, continued = false } of stoppedJobLines(rootfs, {
      job,
      lines: count,
    }))
      found.push([name, text, sequence, continued]);
    return found;
  };
  const at = (run: bigint, offset: bigint): bigint => (run << 40n) + offset;
  const all = [
    ["node", "one", at(1n, 115n), false],
    ["node", "two", at(1n, 119n), false],
    ["node", "three without an end", at(1n, 123n), false],
    ["node", "four", at(3n, 0n), false],
    ["node", "x".repeat(65_536), at(3n, 5n), true],
    ["node", "yy", at(3n, 65_541n), false],
  ];
  assert.deepEqual(await lines("node"), all);
  assert.deepEqual(await lines(""), all);
  assert.deepEqual(await lines("node", 2), all.slice(-2));
  assert.deepEqual(await lines("evil"), []);
  for (const job of ["none", "../jobs/node", ".."]) {
    await assert.rejects(lines(job), { code: "not_found", message: `No logs for '${job}' job found!` });
  }
});
