import assert from "node:assert/strict";
import { test } from "node:test";
import { readFixture } from "../fixtures/read-fixture.ts";
import { workers } from "../fixtures/run.ts";
import type { PluginFiles } from "../plugin.ts";
import { runTests, type TestRequest } from "./index.ts";

async function check(
  files: PluginFiles,
  variant = "v",
  more: Partial<TestRequest> = {},
): Promise<Record<string, string>> {
  const image = { version: "1.0.0", protocol: "p", variant };
  const targets = [{ image, params: {} }];
  const given = { files, tests: {}, targets, snapshots: new Map(), builtIn: true, workers, ...more };
  const results = await runTests(given);
  return Object.fromEntries(
    results.map(({ fn, failure }) => {
      const at = failure?.diagnostics[0];
      const place = at ? ` ${at.file}:${at.range?.start.line}` : "";
      return [fn, failure === undefined ? "passed" : failure.message + place];
    }),
  );
}

const PASSED = {
  plugin_config: "passed",
  "init with an archive": "passed",
  "init without an archive": "passed",
  "init where data are already, as after an upgrade": "passed",
  "init of a dev node": "passed",
  "init again": "passed",
  "init with a download that fails": "passed",
  upload: "passed",
  "upload that fails": "passed",
  "functions when nothing answers well": "passed",
  "scheduled functions": "passed",
};

test("plugins that are right pass what is checked without tests", async () => {
  assert.deepEqual(await check(readFixture("lagoon"), "lagoon-mainnet-full"), PASSED);
  assert.deepEqual(await check(readFixture("harbor"), "harbor-testnet-full"), PASSED);
});

test("what a plugin does not stand is told: a deadlock of jobs, a result of the wrong type, a task that cannot be called", async () => {
  const main = `
fn plugin_config() {
    #{
        services: [#{ name: "s", run_sh: "s" }],
        scheduled: [#{ name: "t", schedule: "0 * * * * *", function: "tick" }],
    }
}
fn init() {
    let never = #{ job_type: #{ run_sh: "x" }, restart: "never" };
    create_job("a", never);
    start_job("b", never + #{ needs: ["a"] });
    start_job("a", never + #{ needs: ["b"] });
}
fn upload() { info("nothing"); }
fn tick(a, b) { }
fn height() { try { return run_jrpc(#{ host: "h", method: "m" }).expect(200).result; } catch { return "unknown"; } }
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
`;
  const cycle =
    "Rhai function 'init' returned error: Runtime error: can't start, jobs depend on each other: a -> b -> a (line 12, position 5) main.rhai:12";
  assert.deepEqual(await check({ "main.rhai": main }), {
    ...PASSED,
    ...Object.fromEntries(Object.keys(PASSED).flatMap((name) => (/init|upload/.test(name) ? [[name, cycle]] : []))),
    "functions when nothing answers well":
      "height() with connection refused: Rhai function 'height' returned error: Output type incorrect: string (expecting i64)",
    "scheduled functions": "task 't': no matching method 'tick' found",
  });
});

test("once they are kept, the jobs of a variant are as they were, with and without an archive; any change is told", async () => {
  const main = (args: string) => ({
    "main.rhai": `
fn plugin_config() {
    #{
        services: [#{ name: "s", run_sh: "run ${args}" }],
        cold_init: #{ run_sh: "genesis" },
        upload: #{},
        post_upload: [#{ name: "tell", run_sh: "tell" }],
    }
}`,
  });
  const snapshots = new Map<string, Map<string, unknown>>();
  const chosen = (name: string) => name.includes("snapshot");
  const jobs = (args: string, more: Partial<TestRequest> = {}) =>
    check(main(args), "v", { snapshots, chosen, ...more });
  assert.deepEqual(await jobs("a"), {});
  assert.deepEqual(await jobs("a", { update: true }), { "jobs as in the snapshot": "passed" });
  // What a file of them says.
  const kept = JSON.parse(JSON.stringify(snapshots.get("main.rhai")?.get("(v): jobs")));
  assert.deepEqual(
    [kept.jobs, kept.upload, kept.without_an_archive].map((jobs) => Object.keys(jobs)),
    [["download", "s"], ["upload", "tell", "s"], ["download"]],
  );
  snapshots.get("main.rhai")?.set("(v): jobs", kept);
  assert.deepEqual(await jobs("a"), { "jobs as in the snapshot": "passed" });
  assert.deepEqual(await jobs("b"), {
    "jobs as in the snapshot": `snapshot 'jobs': jobs.s.job_type.run_sh: it was "run a", now it is "run b"`,
  });
});
