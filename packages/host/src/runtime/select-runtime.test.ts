import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ContainerSpec, selectRuntime } from "./index.ts";
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
    fix: "apt-get install crun",
  });
});

test("a trial that a kill cut short is cleared by the next one", async () => {
  const runDirectory = join(directory, "cut");
  const programs = ["runc"];
  const source = `(await import(process.argv[1])).createOciRuntime({ runDirectory: process.argv[2], nodeDirectory: String, programs: ["runc"] }).probe()`;
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

  assert.equal((await createOciRuntime({ ...options, runDirectory, programs }).probe()).usable, true);
  assert.deepEqual(trials(), []);
  assert.equal(isAlive(init), false);
  assert.deepEqual(
    readdirSync(runDirectory).filter((name) => name.startsWith("probe-")),
    [],
  );
});

/** A node of one program of the agent's. */
function sleeper(name: string): ContainerSpec {
  const nodeId = `${name}-${process.pid}`;
  const home = join(directory, nodeId);
  const agent = join(home, "agent");
  for (const folder of [agent, join(home, "rootfs")]) mkdirSync(folder, { recursive: true });
  cpSync("/bin/busybox", join(agent, "busybox"));
  return {
    nodeId,
    rootfs: join(home, "rootfs"),
    init: ["/agent/busybox", "sleep", "1000000"],
    env: {},
    hostname: name,
    network: { kind: "host" },
    mounts: [{ source: agent, destination: "/agent", readOnly: true }],
    ramdisks: [],
    limits: {},
    logPath: join(home, "init.log"),
  };
}

test("a container stays with the tool that made it, whichever is taken now", async () => {
  const taking = (name: string) => createOciRuntime({ ...options, programs: [name, "runc", "crun"] });
  for (const [then, now] of [
    ["runc", "crun"],
    ["crun", "runc"],
  ] as const) {
    const spec = sleeper("kept");
    const before = taking(then);
    await before.create(spec);
    const init = await before.start(spec.nodeId);
    assert.ok(existsSync(join(options.runDirectory, then, spec.nodeId)));
    const next = taking(now);
    assert.deepEqual(await next.attach(spec.nodeId), { kind: "running", init });
    assert.ok(isAlive(await next.exec(spec.nodeId, { argv: ["/agent/busybox", "sleep", "1000000"], env: {} })));
    await next.stop(spec.nodeId, { timeoutMs: 200 });
    assert.ok(isAlive(await next.start(spec.nodeId)));
    assert.ok(existsSync(join(options.runDirectory, now, spec.nodeId)));
    await next.delete(spec.nodeId);
  }
});

test("a container stays with the runtime that made it; its next start moves it to the one that is chosen", async () => {
  const spec = sleeper("moved");
  const { nodeId } = spec;
  const before = await selectRuntime("oci", options);
  await before.create(spec);
  const init = await before.start(nodeId);

  const now = await selectRuntime("apptainer", options);
  assert.deepEqual([now.kind, await now.attach(nodeId)], ["apptainer", { kind: "running", init }]);
  await assert.rejects(now.create(spec), { code: "container-running" });
  const other = await now.exec(nodeId, { argv: ["/agent/busybox", "sleep", "1000000"], env: {} });
  assert.ok(isAlive(other));
  await now.stop(nodeId, { timeoutMs: 200 });
  assert.deepEqual([isAlive(init), isAlive(other), await now.state(nodeId)], [false, false, { kind: "stopped" }]);
  await now.create(spec);
  assert.equal(JSON.parse(readFileSync(join(directory, nodeId, "container.json"), "utf8")).kind, "apptainer");
  assert.deepEqual(readdirSync(join(options.runDirectory, "bundles")), []);
  // What it wants itself counts more than what is chosen.
  await now.create({ ...spec, runtime: "oci" });
  const wanted = await now.start(nodeId);
  assert.deepEqual([await now.kindOf(nodeId), isAlive(wanted)], ["oci", true]);
  await now.delete(nodeId);
});
