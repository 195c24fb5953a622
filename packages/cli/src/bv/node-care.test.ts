import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";
import { type DaemonProcess, startDaemonProcess } from "../testing/daemon-process.ts";
import { busyboxImage, removeDockerImage } from "../testing/docker-images.ts";

/** What an operator does with a node that is there: look back, go back, copy it, move its data. Each test goes on where the one before ended. */
const project = new TemporaryDirectory();
const tag = `bv-cli-test-care-${process.pid}:latest`;
const metadata = join(project.path, "babel.yaml");
/** A node whose state the daemon cannot read. */
const wreck = "00000000-0000-4000-8000-000000000bad";
let daemon: DaemonProcess;
let node = { id: "", name: "", directory: "" };

const run = (program: "nib" | "bv", args: readonly string[]) =>
  runCli(program, args, { cwd: project.path, env: daemon.env });
const bv = (...args: string[]) => run("bv", args);

async function done(program: "nib" | "bv", ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(program, args);
  assert.equal(status, 0, stderr);
  return stdout;
}

const json = async (program: "nib" | "bv", ...args: string[]) =>
  JSON.parse(await done(program, ...args, "--format", "json"));

before(async () => {
  daemon = await startDaemonProcess((root) => {
    const directory = join(root, "var/lib/blockvisor/nodes", wreck);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "state.json"), `{"id":"${wreck}","name":"wreck","dev_mode":true,"ip`);
  });
  using base = busyboxImage();
  await done("nib", "image", "create", "acme", "acmed-mainnet-full", "--dir", ".");
  const build = ["image", "build", "--builder", "docker", "--tag", tag, "--build-arg", `BASE_IMAGE=${base.name}`];
  await done("nib", ...build);
  node = (await json("nib", "image", "play", "--start")).data.node;
});

after(async () => {
  await daemon.close();
  removeDockerImage(tag);
  project[Symbol.dispose]();
});

test("a broken node is shown with its reason, repaired, and deleted, by its name", async () => {
  const info = await done("bv", "node", "info", "wreck");
  assert.match(info, /^Status: +Failed\nProblem: +\S+state\.json cannot be read: .*JSON.* \(broken_node\)$/m);
  const still = await bv("node", "repair", "wreck");
  assert.equal(still.status, 1);
  assert.match(
    still.stderr,
    /^Error: node `wreck` is still broken: .*\n {2}next: .*`bv node repair wreck`.*--state FILE/m,
  );
  const state = JSON.parse(readFileSync(join(node.directory, "state.json"), "utf8"));
  const ip = state.ip.replace(/\.\d+$/, ".20");
  const backup = { ...state, id: wreck, name: "rescued", ip, expected_status: "Stopped", started_at: null };
  writeFileSync(join(project.path, "backup.json"), JSON.stringify(backup));
  const repaired = await done("bv", "node", "repair", wreck.slice(0, 4), "--state", "backup.json");
  assert.equal(repaired, "Node `rescued` is not broken: Stopped\n");
  await done("bv", "node", "delete", "rescued", "--yes");
});

test("the daemon reads its configuration again, and says what of it counts", async () => {
  const path = join(daemon.root, "etc/blockvisor.json");
  const before = readFileSync(path, "utf8");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(before), maintenance_mode: true, metrics_port: 0 }));
  assert.equal(
    await done("bv", "host", "reload"),
    "Applied: maintenance_mode\nOnly after `bv stop` and `bv start`, which leave nodes running: metrics_port\n",
  );
  writeFileSync(path, before);
  assert.deepEqual(await json("bv", "host", "reload"), { applied: ["maintenance_mode"], needs_restart: [] });
  assert.equal(await done("bv", "host", "reload"), "Nothing has changed\n");
});

test("events are lines for people and documents for programs", async () => {
  assert.equal((await done("bv", "node", "events", "--limit", "3")).trimEnd().split("\n").length, 3);
  const told = await done("bv", "node", "events", "--limit", "0");
  assert.match(told, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}create: mark_started {2}\d+ ms$/m);
  assert.match(told, /^\S+ \S+ {2}create done {2}[\d.]+ m?s$/m);
  const events = (await done("bv", "node", "events", node.name, "-n", "0", "--format", "json")).trimEnd().split("\n");
  const [begin] = events.map((line) => JSON.parse(line));
  assert.deepEqual([begin.kind, begin.operation, begin.origin, begin.step], ["begin", "create", "local", null]);
  assert.match(told, /^\S+ \S+ {2}create begins {2}local$/m);
});

test("logs are shown, and packed for somebody else", async () => {
  const logs = (await json("bv", "node", "logs", node.id)).logs as { name: string }[];
  const names = logs.map(({ name }) => name);
  assert.ok(names.includes("container.log") && names.some((name) => name.startsWith("jobs/")), `${names}`);
  assert.match(await done("bv", "node", "logs"), /^==> container\.log <==$/m);
  assert.equal(await done("bv", "node", "logs", "--support-bundle", "help.tar.gz"), "Wrote help.tar.gz\n");
  const bundle = join(project.path, "help.tar.gz");
  assert.equal(statSync(bundle).mode & 0o777, 0o600);
  const packed = execFileSync("tar", ["-tzf", bundle], { encoding: "utf8" });
  for (const name of ["node.json", "events.json", "container.log"]) assert.match(packed, new RegExp(`/${name}$`, "m"));
});

test("tasks are listed with how they ran, run by hand, and removed", async () => {
  assert.match(
    await done("bv", "node", "tasks"),
    /^ remember-height +0 \* \* \* \* \* \* +remember_height\(scheduled\) +20\d\d-/m,
  );
  const [task] = (await json("bv", "node", "tasks", node.name)).tasks;
  assert.deepEqual([task.name, task.function, task.param], ["remember-height", "remember_height", "scheduled"]);
  const [ran] = (await json("bv", "node", "tasks", "--run", "remember-height")).tasks;
  assert.deepEqual([ran.last_error, ran.failures, ran.last_run > "20"], [null, 0, true]);
  assert.match(await done("bv", "node", "tasks"), /^ remember-height .* \d+ ms +ok$/m);
  const none = await bv("node", "tasks", "--run", "none");
  assert.match(none.stderr, /no task `none` is scheduled/);
  assert.equal(await done("bv", "node", "tasks", "--rm", "remember-height"), "No tasks are scheduled.\n");
});

test("an upgrade is taken back by a rollback; without one there is nothing to go back to", async () => {
  const nothing = await bv("node", "rollback", node.name);
  assert.deepEqual(
    [nothing.status, nothing.stderr.split("\n").find((line) => line.startsWith("Error"))],
    [1, `Error: node \`${node.name}\` has no earlier version to go back to (BV902)`],
  );
  writeFileSync(metadata, readFileSync(metadata, "utf8").replace("version: 0.0.1", "version: 0.0.2"));
  await done("nib", "image", "upgrade", node.name, "--smoke-check");
  assert.match(await done("bv", "node", "events", node.name), /upgrade: check_target/);
  assert.equal(await done("bv", "node", "rollback"), `Rolled back node \`${node.id}\` to 0.0.1\n`);
  assert.equal((await json("bv", "node", "rollback")).node.image.version, "0.0.2");
});

test("published versions are for nodes of the control plane; no names is a mistake", async () => {
  const refused = await bv("node", "upgrade", node.name);
  assert.deepEqual(
    [refused.status, refused.stderr.split("\n").find((line) => line.startsWith("Error"))],
    [1, "Error: dev node upgrade is not supported (BV902)"],
  );
  for (const verb of ["upgrade", "restart"]) {
    const { status, stderr } = await bv("node", verb);
    assert.equal(status, 2);
    assert.match(stderr, /^Error: <ID_OR_NAMES> can't be empty list \(BV001\)\n {2}next: .*`bv node ls` lists them/);
  }
});

test("a clone is another node; moved data are elsewhere, and come back", async () => {
  const { node: copy } = await json("bv", "node", "clone", node.name, "--name", "copy", "--start");
  assert.deepEqual([copy.name, copy.status, copy.image.digest !== ""], ["copy", "Running", true]);
  mkdirSync(join(project.path, "disk2"));
  const place = join(project.path, "disk2/blockvisor-data", copy.id);
  assert.equal(
    await done("bv", "node", "move-data", "copy", "disk2"),
    `Moved the data of node \`${copy.id}\` to ${place}\n`,
  );
  assert.ok(existsSync(place));
  await done("bv", "node", "move-data", "copy", "--back");
  assert.ok(!existsSync(place));
  assert.equal((await bv("node", "move-data", "copy")).status, 2);
  await done("bv", "node", "delete", "copy", "--yes");
  assert.match(await done("bv", "node", "events", "copy"), /^\S+ \S+ {2}delete done/m);
});

test("whoever waits behind another operation is told for which; after --timeout it goes on without him", async () => {
  const stubborn = "trap '' TERM; echo up; while :; do sleep 1; done";
  const hold = `fn hold() {
    create_job("stubborn", #{ job_type: #{ run_sh: "${stubborn}" }, restart: "never", shutdown_timeout_secs: 600 });
    start_job("stubborn");
  }`;
  appendFileSync(join(node.directory, "rootfs/var/lib/babel/plugin/main.rhai"), `\n${hold}\n`);
  await done("bv", "node", "run", "hold", node.name);
  while ((await bv("node", "job", "logs", "stubborn", node.name)).stdout !== "up\n");
  const late = (stderr: string) => stderr.split("\n").find((line) => line.startsWith("Error"));
  const stop = await bv("node", "stop", node.name, "--timeout", "1s");
  assert.equal(stop.status, 5);
  assert.match(stop.stderr, /not done after 1 s.* \(BV905\)\n {2}next: +it goes on in the daemon: `bv node info`/);
  while ((await json("bv", "node", "info", node.name)).node.operation?.step !== "stop_jobs");
  const start = await bv("node", "start", node.name, "--timeout", "2s");
  assert.deepEqual(
    [start.status, late(start.stderr)?.replace(/\d\d:\d\d/, "HH:MM")],
    [5, `Error: Starting ${node.name}: not done after 2 s (waits for stop, since HH:MM UTC) (BV905)`],
  );
});
