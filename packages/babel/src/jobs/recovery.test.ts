import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../testbed/agent.ts";
import { openRegistry, reaches } from "../testbed/registry.ts";
import type { JobConfig } from "./config.ts";

const script = (run_sh: string): JobConfig => ({ job_type: { run_sh }, restart: "never", shutdown_timeout_secs: 5 });

/** Jobs of a node; `again` is the next babel, after the first one let go of them. */
async function node(t: { after(end: () => Promise<void>): void }) {
  const first = await openRegistry();
  let { registry } = first;
  t.after(async () => {
    await registry.retain([]);
    await rm(first.root, { recursive: true, force: true });
  });
  const again = async () => {
    const next = await openRegistry({ root: first.root });
    registry = next.registry;
    return next;
  };
  return { registry, again, fileOf: (job: string, name: string) => join(first.paths.jobs, job, name) };
}

test("a job that cannot be read keeps its definition, and is taken up when it can", async (t) => {
  const { registry, again, fileOf } = await node(t);
  await registry.create("node", script("touch $BABEL_JOB_DIR/up; exec sleep 1000"));
  await registry.start("node");
  await until(() => existsSync(fileOf("node", "up")), "it runs");
  const run = registry.get("node").record.lastRun;
  registry.abandon();
  // A link is not opened, as nothing is when files are all in use or the disk fails.
  const events = fileOf("node", "events.jsonl");
  await symlink(events, events);
  const config = await readFile(fileOf("node", "config.json"), "utf8");
  const next = await again();
  assert.equal(next.registry.find("node"), undefined);
  assert.match(
    next.reports.join(),
    /^job 'node' cannot be read, tries again in 1000 ms: .*events\.jsonl is not a regular file$/,
  );
  assert.equal(await readFile(fileOf("node", "config.json"), "utf8"), config);
  await assert.rejects(next.registry.create("node", script("true")), /is not a regular file/, "it still runs");
  await rm(events);
  await reaches(next.registry, "node", "running");
  assert.deepEqual(next.registry.get("node").record.lastRun, run);
});

test("an invalid definition is set aside; what it left running ends before the job runs anew", async (t) => {
  const { registry, again, fileOf } = await node(t);
  await registry.create("node", script("echo $$ > $BABEL_JOB_DIR/up; exec sleep 1000"));
  await registry.start("node");
  await until(() => existsSync(fileOf("node", "up")), "it runs");
  registry.abandon();
  await writeFile(fileOf("node", "config.json"), "{ torn");
  const next = await again();
  assert.equal(next.registry.find("node"), undefined);
  assert.match(next.reports.join(), /^invalid config of job 'node', set aside as \S+config\.json\.invalid: /);
  assert.equal(await readFile(fileOf("node", "config.json.invalid"), "utf8"), "{ torn");
  await next.registry.create("node", script("! grep -qs sleep /proc/$(cat $BABEL_JOB_DIR/up)/cmdline"));
  await next.registry.start("node");
  await reaches(next.registry, "node", "finished");
  assert.deepEqual(next.registry.get("node").record.state, { kind: "finished", exitCode: 0, message: "" });
  const modes = ["config.json", "log", "log/0000000002.00000000000000000000.log"].map(async (name) =>
    ((await stat(fileOf("node", name))).mode & 0o777).toString(8),
  );
  assert.deepEqual(await Promise.all(modes), ["600", "755", "640"]);
});

test("a lost status does not give the number of a run away again", async (t) => {
  const { registry, again, fileOf } = await node(t);
  await registry.create("node", script("echo ran; exit 3"));
  await registry.start("node");
  await reaches(registry, "node", "finished");
  registry.abandon();
  await writeFile(fileOf("node", "status.json"), "");
  const { registry: next } = await again();
  await reaches(next, "node", "finished");
  const { runs, state } = next.get("node").record;
  assert.deepEqual([runs, state.kind === "finished" && state.exitCode], [2, 3]);
  assert.equal(await readFile(fileOf("node", "log/0000000002.00000000000000000000.log"), "utf8"), "ran\n");
});

test("a start while the job is replaced starts the new one", async (t) => {
  const { registry, fileOf } = await node(t);
  await registry.create("node", script("touch $BABEL_JOB_DIR/up; exec sleep 1000"));
  await registry.start("node");
  await until(() => existsSync(fileOf("node", "up")), "it runs");
  const replaced = registry.create("node", script("exit 4"));
  await Promise.all([replaced, registry.start("node")]);
  await reaches(registry, "node", "finished");
  const { state, runs } = registry.get("node").record;
  assert.deepEqual([state.kind === "finished" && state.exitCode, runs], [4, 2]);
});

test("a job that could not be replaced is the old one, and is still watched", async (t) => {
  const { registry, fileOf } = await node(t);
  await registry.create("node", script("exit 3"));
  // Nothing can be put in the place of a folder.
  await rename(fileOf("node", "config.json"), fileOf("node", "aside"));
  await mkdir(fileOf("node", "config.json/in-the-way"), { recursive: true });
  await assert.rejects(registry.create("node", script("exit 4")));
  await rm(fileOf("node", "config.json"), { recursive: true });
  await registry.start("node");
  await reaches(registry, "node", "finished");
  const { state } = registry.get("node").record;
  assert.equal(state.kind === "finished" && state.exitCode, 3);
});

/** Takes its stop when it is told to. */
const SLOW = `trap 'until [ -e $BABEL_JOB_DIR/go ]; do sleep 0.02; done; exit 0' TERM
touch $BABEL_JOB_DIR/up; while :; do sleep 0.02; done`;

for (const verb of ["create", "delete"] as const) {
  test(`while one job's stop makes a ${verb} wait, others are made, replaced and removed, and a Setup goes on (D3-17)`, async (t) => {
    const { registry, fileOf } = await node(t);
    await registry.create("slow", { ...script(SLOW), shutdown_timeout_secs: 20 });
    await registry.start("slow");
    await until(() => existsSync(fileOf("slow", "up")), "it runs");
    const waiting = verb === "create" ? registry.create("slow", script("exit 4")) : registry.delete("slow");
    await registry.create("other", script("exec sleep 1000"));
    await registry.start("other");
    await reaches(registry, "other", "running");
    await registry.create("other", script("exit 3"));
    await registry.open();
    await registry.delete("other");
    assert.deepEqual(
      registry.list().map(({ name, stopping }) => [name, stopping]),
      [["slow", true]],
    );
    await writeFile(fileOf("slow", "go"), "");
    await waiting;
    const left = registry.list().map(({ config }) => config.job_type);
    assert.deepEqual(left, verb === "create" ? [{ run_sh: "exit 4" }] : []);
  });
}

test("a one-time job that the end of the container cut runs again only where its restart says so", async (t) => {
  const { registry, again, fileOf } = await node(t);
  const cut = script("[ -e $BABEL_JOB_DIR/up ] && exit 5; echo $$ > $BABEL_JOB_DIR/up; exec sleep 1000");
  const once = { ...cut, one_time: true };
  const retry = { backoff_timeout_ms: 60_000, backoff_base_ms: 1, max_retries: 0 };
  await registry.create("never", once);
  await registry.create("repeatable", { ...once, restart: { on_failure: retry } });
  const names = ["never", "repeatable"];
  for (const name of names) {
    await registry.start(name);
    await until(() => existsSync(fileOf(name, "up")) && readFileSync(fileOf(name, "up"), "utf8") !== "", "it runs");
  }
  registry.abandon();
  for (const name of names) {
    const pid = Number(readFileSync(fileOf(name, "up"), "utf8"));
    t.after(async () => void process.kill(pid, "SIGKILL"));
    const status = fileOf(name, "status.json");
    const { boot } = registry.get(name).record.lastRun!;
    await writeFile(status, (await readFile(status, "utf8")).replaceAll(boot, "the container before"));
  }
  const { registry: next } = await again();
  for (const name of names) await reaches(next, name, "finished");
  assert.deepEqual(
    names.map((name) => [next.get(name).record.runs, next.get(name).record.lastFailure]),
    [
      [1, "one-time job started, but not finished"],
      [2, "Job 'repeatable' exited with code 5"],
    ],
  );
});
