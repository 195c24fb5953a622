import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { openRealShell } from "./real-shell.ts";

test("commands run in a directory of their own, with what they are given alone, and nothing of them is left", async () => {
  const shell = await openRealShell();
  const { signal } = new AbortController();
  const run = (body: string, more: object = {}) => shell.run(body, { timeoutMs: 10_000, ...more }, signal);
  assert.deepEqual(await run("cat; echo $X >&2; exit 3", { stdin: "in", env: { X: "x" } }), {
    exitCode: 3,
    stdout: "in",
    stderr: "x\n",
  });
  // It ends although somebody else holds its output open: that one is gone, too.
  const left = await run("sleep 1000 & echo $PWD $HOME");
  const [directory = "", home] = left?.stdout.trim().split(" ") ?? [];
  assert.equal(directory, home);
  assert.equal((await run("kill -9 $$"))?.exitCode, 137);
  assert.equal(await run("sleep 1000", { timeoutMs: 20 }), undefined);
  await assert.rejects(run("id", { user: "nobody" }), { message: /another user/ });
  const { length = 0 } = (await run("yes | head -c 3000000"))?.stdout ?? "";
  assert.ok(length >= 1 << 20 && length < 1 << 21, String(length));
  assert.equal(existsSync(directory), true);
  await shell.close();
  assert.equal(existsSync(directory), false);
});
