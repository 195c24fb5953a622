import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { selectRuntime } from "./index.ts";
import { createOciRuntime } from "./oci-runtime.ts";
import { identifyProcess, isAlive } from "./process-identity.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-select-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const options = { runDirectory: join(directory, "run"), nodeDirectory: (nodeId: string) => join(directory, nodeId) };

test("auto takes Apptainer where it works, else OCI; a choice that cannot be used says why", async () => {
  const probe = await (await selectRuntime("apptainer", options)).probe();
  assert.equal((await selectRuntime("auto", options)).kind, probe.usable ? "apptainer" : "oci");
  if (spawnSync("apptainer", ["--version"]).error) assert.equal(probe.usable || probe.code, "tool-missing");
  const oci = await selectRuntime("oci", options);
  assert.deepEqual([oci.kind, (await oci.probe()).usable], ["oci", true]);
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

test("a trial that a kill cut short is cleared by the next one", async () => {
  const runDirectory = join(directory, "cut");
  const source = `(await import(process.argv[1])).createOciRuntime({ runDirectory: process.argv[2], nodeDirectory: String }).probe()`;
  const victim = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", source, join(import.meta.dirname, "oci-runtime.ts"), runDirectory],
    { env: { ...process.env, BV_FAILPOINT: "oci.tried" }, stdio: "inherit" },
  );
  assert.equal(victim.signal, "SIGKILL");
  const trials = () => readdirSync(join(runDirectory, "runc")).filter((name) => name.startsWith("probe-"));
  const [cut = ""] = trials();
  const init = identifyProcess(
    JSON.parse(readFileSync(join(runDirectory, "runc", cut, "state.json"), "utf8")).init_process_pid,
  );
  assert.ok(init && isAlive(init), "the trial's first process waits");

  assert.equal((await createOciRuntime({ ...options, runDirectory }).probe()).usable, true);
  assert.deepEqual(trials(), []);
  assert.equal(isAlive(init), false);
  assert.deepEqual(
    readdirSync(runDirectory).filter((name) => name.startsWith("probe-")),
    [],
  );
});
