import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const repository = join(import.meta.dirname, "../../../..");
/** The contract of all runtimes, and what a whole daemon does with one. */
const suites = ["runtime/runtime-contract", "daemon/next-version"].map((name) =>
  join(import.meta.dirname, `../${name}.test.ts`),
);
const tool = join(repository, "tooling/test-host.sh");
/** Kept between runs: making it downloads 400 MB. Not in /tmp, which may be in memory and without devices. */
const testHost = process.env["BV_TEST_HOST_DIR"] ?? "/var/tmp/blockvisor-test-host";

/** Makes the host beside its place and moves it there when it is whole, or brings it up to date. Returns why it could not. */
function makeTestHost(): string | undefined {
  if (existsSync(join(testHost, ".ready"))) {
    assert.equal(statSync(testHost).uid, 0, `${testHost} is not root's: remove it`);
    const updated = spawnSync("sh", [tool, "create", testHost], { encoding: "utf8", timeout: 600_000 });
    return updated.status === 0 ? undefined : `${updated.stderr}`.trim();
  }
  const found = spawnSync("debootstrap", ["--version"]);
  assert.equal(found.error, undefined, "debootstrap is missing: apt-get install debootstrap");
  const fresh = mkdtempSync(join(dirname(testHost), "blockvisor-test-host-"));
  chmodSync(fresh, 0o755);
  const made = spawnSync("sh", [tool, "create", fresh], { encoding: "utf8", timeout: 600_000 });
  rmSync(`${fresh}.log`, { force: true });
  if (made.status === 0 && !existsSync(testHost)) renameSync(fresh, testHost);
  else rmSync(fresh, { recursive: true, force: true });
  return made.status === 0 ? undefined : `${made.stderr}`.trim();
}

test("the contract of all runtimes, and the daemon, against real Apptainer", { timeout: 1_800_000 }, (t) => {
  const argv = [process.execPath, "--test", "--test-concurrency=1", ...suites];
  // Not this run's: the inner runner would report to it instead of to us.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const env = {
    ...environment,
    BV_TEST_RUNTIME: "apptainer",
    BV_RUNTIME: "apptainer",
    BV_TEST_CYCLES: process.env["BV_TEST_CYCLES"] ?? "2",
    BV_AGENT_DIR: process.env["BV_AGENT_DIR"] ?? join(repository, "dist/agent"),
  };
  const options = { encoding: "utf8", env, timeout: 1_700_000 } as const;
  if (spawnSync("apptainer", ["--version"]).status === 0) {
    const run = spawnSync(argv[0]!, argv.slice(1), options);
    assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
    return;
  }
  const reason = makeTestHost();
  if (reason !== undefined) {
    t.skip(`NOT TESTED: no Apptainer here, and no Debian mirror to make a host with it: ${reason}`);
    return;
  }
  const shared = [repository, process.execPath, "/usr/bin/busybox", "/usr/bin/tini-static"];
  const binds = shared.flatMap((path) => ["-b", `${path}:${path}`]);
  const run = spawnSync("sh", [tool, "run", testHost, ...binds, "--", ...argv], options);
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  const doctor = [process.execPath, join(repository, "packages/cli/src/bv/main.ts"), "doctor", "--format", "json"];
  const there = { ...options, env: { ...env, BV_ROOT: "/nowhere" } };
  const examined = spawnSync("sh", [tool, "run", testHost, ...binds, "--", ...doctor], there);
  assert.match(examined.stdout, /"apptainer runs containers"/, examined.stderr);
  t.diagnostic(execFileSync("chroot", [testHost, "apptainer", "--version"], { encoding: "utf8" }).trim());
});
