import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EMPTY_FOLDER, prepareState, SECCOMP_FILE, writeSeccompProfile } from "./apptainer-state.ts";

test("commands of one node may begin at the same time: each finds the whole profile of system calls", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "apptainer-state-"));
  t.after(() => rmSync(folder, { recursive: true }));
  await prepareState(folder);
  const read = (): unknown => JSON.parse(readFileSync(join(folder, SECCOMP_FILE), "utf8"));
  const profile = read();
  let isWritten = false;
  const written = (async () => {
    for (let time = 0; time < 50; time++) await writeSeccompProfile(folder);
  })().finally(() => {
    isWritten = true;
  });
  while (!isWritten) {
    assert.deepEqual(read(), profile);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await written;
  assert.deepEqual(readdirSync(folder).sort(), [EMPTY_FOLDER, SECCOMP_FILE]);
});
