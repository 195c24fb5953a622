import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createOciRuntime, selectRuntime } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-select-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const options = { runDirectory: join(directory, "run"), nodeDirectory: (nodeId: string) => join(directory, nodeId) };
const apptainer = spawnSync("apptainer", ["--version"]).status === 0;

test("auto takes Apptainer where it is, else OCI; a choice that cannot be used says why", async () => {
  assert.equal((await selectRuntime("auto", options)).kind, apptainer ? "apptainer" : "oci");
  assert.equal((await selectRuntime("oci", options)).kind, "oci");
  if (!apptainer) await assert.rejects(selectRuntime("apptainer", options), { code: "tool-missing" });
});

test("without any tool the error names the package to install", async () => {
  const runtime = createOciRuntime({ ...options, programs: ["no-such-runc"] });
  assert.deepEqual(await runtime.probe(), {
    usable: false,
    code: "tool-missing",
    reason: "found none of: no-such-runc",
    fix: "apt-get install runc",
  });
});
