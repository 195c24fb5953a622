import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildWorker } from "../bundle/build-worker.ts";
import { engineWith, failing } from "../fixtures/run.ts";
import { commandIn, findBuiltWorker, PluginError, PluginWorkers, type WorkerCommand } from "../index.ts";

/* With the worker as hosts have it, which is also started much sooner. */

const agents = fileURLToPath(new URL("../../../../dist/agent", import.meta.url));
const home = await mkdtemp(join(tmpdir(), "plugin-limits-"));
let command: WorkerCommand;
let workers: PluginWorkers;

before(async () => {
  const { version } = JSON.parse(await readFile(join(agents, "agent.json"), "utf8"));
  await buildWorker(join(agents, version), home);
  const built = findBuiltWorker(home);
  assert.ok(built);
  command = { argv: commandIn(built, built.directory) };
  workers = new PluginWorkers({ size: 2, command });
});
after(async () => {
  await workers.close();
  await rm(home, { recursive: true });
});

async function call(script: string): Promise<string> {
  return (await workers.load({ "main.rhai": script })).call("f", "", engineWith());
}

test("an endless loop ends at its deadline, and says where it was", async () => {
  const plugin = await workers.load({ "main.rhai": "fn spin() {\n  loop { }\n}\nfn f() {\n  spin()\n}\nfn g() { 1 }" });
  const error = await plugin.call("f", "", engineWith(), { timeoutMs: 100 }).then(
    () => assert.fail("no error"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PluginError);
  assert.equal(error.code, "PLUGIN_TIMEOUT");
  assert.deepEqual(
    error.frames.map((frame) => `${frame.fn} ${frame.file}`),
    ["spin main.rhai", "f main.rhai"],
  );
  assert.equal(await plugin.call("g", "", engineWith()), "1");
});

test("a config that never comes is a timeout of the call that wanted it", async () => {
  const plugin = await workers.load({ "main.rhai": "loop { sleep(1); } fn plugin_config() { #{ services: [] } }" });
  const engine = engineWith();
  await assert.rejects(
    plugin.evaluateConfig(engine, { timeoutMs: 50 }),
    failing(/did not finish within 0.05 s/, "PLUGIN_TIMEOUT"),
  );
  await assert.rejects(
    plugin.init(engine, { timeoutMs: 50 }),
    failing("'init' did not finish within 0.05 s", "PLUGIN_TIMEOUT"),
  );
  assert.deepEqual(engine.jobs, []);
});

test("a script cannot catch its end", async () => {
  const script = 'fn f() { loop { try { run_sh("x"); } catch { } } }';
  const plugin = await workers.load({ "main.rhai": script });
  await assert.rejects(plugin.call("f", "", engineWith(), { timeoutMs: 100 }), { code: "PLUGIN_TIMEOUT" });
});

test("code that never looks at the clock is killed with its process", async () => {
  const plugin = await workers.load({
    "main.rhai": `fn f() { parse_time("${"a".repeat(40)}!", "${"%Z".repeat(30)}") } fn g() { 1 }`,
  });
  await assert.rejects(plugin.call("f", "", engineWith(), { timeoutMs: 100 }), { code: "PLUGIN_TIMEOUT" });
  assert.equal(await plugin.call("g", "", engineWith()), "1");
});

test("a host that does not answer holds nobody, and its late answer reaches nobody", async () => {
  const plugin = await workers.load({ "main.rhai": 'fn f() { run_sh("x").unwrap() }' });
  const { promise: late, resolve } = Promise.withResolvers<{ exitCode: number; stdout: string; stderr: string }>();
  const signals: AbortSignal[] = [];
  const hanging = engineWith({
    runSh: (_body, _timeout, ctx) => {
      signals.push(ctx.signal);
      return late;
    },
  });
  await assert.rejects(plugin.call("f", "", hanging, { timeoutMs: 50 }), { code: "PLUGIN_TIMEOUT" });
  assert.equal(signals[0]?.aborted, true);
  resolve({ exitCode: 0, stdout: "late", stderr: "" });
  await late;
  const answering = engineWith({ runSh: async () => ({ exitCode: 0, stdout: "mine", stderr: "" }) });
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => plugin.call("f", "", answering))), ["mine", "mine", "mine"]);
});

test("a caller can give up", async () => {
  const plugin = await workers.load({ "main.rhai": "fn f() { sleep(60); 1 }" });
  const giving = new AbortController();
  const result = plugin.call("f", "", engineWith(), { signal: giving.signal });
  setImmediate(() => giving.abort());
  await assert.rejects(result, { code: "PLUGIN_ABORTED" });
  await assert.rejects(plugin.call("f", "", engineWith(), { signal: AbortSignal.abort() }), { code: "PLUGIN_ABORTED" });
});

test("a hostile script cannot exhaust the host", async () => {
  await assert.rejects(call('fn f() { let a = []; loop { a.push("x" + a.len()); } }'), {
    code: "PLUGIN_LIMIT",
  });
  await assert.rejects(call("fn f() { f() }"), { code: "PLUGIN_LIMIT" });
  await assert.rejects(call("fn f() { let m = #{}; for i in 0..100000 { m = #{ a: m }; } m }"), {
    code: "PLUGIN_LIMIT",
  });
  assert.equal(await call("fn f() { 1 }"), "1");
});

test("more calls than processes wait in line", async () => {
  const plugin = await workers.load({ "main.rhai": "fn f(p) { p }" });
  const params = Array.from({ length: 20 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(params.map((param) => plugin.call("f", param, engineWith()))), params);
});

test("closing ends calls under way", async () => {
  const own = new PluginWorkers({ size: 1, command });
  const plugin = await own.load({ "main.rhai": "fn f() { sleep(60) }" });
  const running = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  const waiting = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  setImmediate(() => void own.close());
  await Promise.all([running, waiting]);
});

test("a call waits a while for a busy process; one that is busy for longer gets another beside it", async () => {
  const patient = new PluginWorkers({ size: 3, command, patienceMs: 60_000 });
  const short = await patient.load({ "main.rhai": "fn f(p) { p }" });
  const params = Array.from({ length: 20 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(params.map((param) => short.call("f", param, engineWith()))), params);
  assert.deepEqual(patient.usage, { busy: 0, idle: 1, waiting: 0 });
  await patient.close();

  const own = new PluginWorkers({ size: 3, command, patienceMs: 1 });
  const long = await own.load({ "main.rhai": "fn hang() { sleep(60) } fn f() { 1 }" });
  const hanging = assert.rejects(long.call("hang", "", engineWith()), { code: "PLUGIN_ABORTED" });
  assert.equal(await long.call("f", "", engineWith()), "1");
  assert.deepEqual(own.usage, { busy: 1, idle: 1, waiting: 0 });
  await own.close();
  await hanging;
});

test("processes without work are let go, and made again when there is work", async () => {
  const own = new PluginWorkers({ size: 3, command, idleMs: 1, lastIdleMs: 2 });
  const plugin = await own.load({ "main.rhai": "fn f(p) { p }" });
  const call = () => Promise.all(["a", "b", "c"].map((param) => plugin.call("f", param, engineWith())));
  assert.deepEqual(await call(), ["a", "b", "c"]);
  while (own.usage.idle > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(own.usage, { busy: 0, idle: 0, waiting: 0 });
  assert.deepEqual(await call(), ["a", "b", "c"]);
  await own.close();
});

test("scripts that were loaded for another node are not compiled again, and wait for no process", async () => {
  const own = new PluginWorkers({ size: 1, command });
  const files = { "main.rhai": "fn f() { sleep(60) }" };
  const first = await own.load(files);
  const running = assert.rejects(first.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  const second = await own.load({ ...files });
  assert.deepEqual([second.digest, second.functions], [first.digest, first.functions]);
  await own.close();
  await running;
});

test("a process that dies is an error of its call alone, that says so, and the next call has another", async () => {
  const own = new PluginWorkers({ size: 1, command });
  const plugin = await own.load({ "main.rhai": 'fn f() { run_sh("x") } fn pid() { 1 }' });
  const [first] = own.pids;
  assert.ok(first);
  const engine = engineWith({
    runSh: async () => {
      process.kill(first, "SIGKILL");
      return new Promise(() => {});
    },
  });
  const message = "the plugin's process ended: killed by SIGKILL";
  await assert.rejects(plugin.call("f", "", engine), failing(message, "PLUGIN_CRASH"));
  assert.equal(await plugin.call("pid", "", engine), "1");
  const [second] = own.pids;
  assert.ok(second !== undefined && second !== first);

  // Also one that rests, which nobody looks at.
  process.kill(second, "SIGKILL");
  while (own.pids.length > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await plugin.call("pid", "", engine), "1");
  await own.close();
  assert.throws(() => process.kill(first, 0), { code: "ESRCH" });
});

test("a process that cannot be started says why", async () => {
  const table: [argv: readonly [string, ...string[]], message: RegExp][] = [
    [["/nowhere/perl"], /^the plugin's process ended: it cannot be started: spawn \/nowhere\/perl ENOENT$/],
    [["sh", "-c", "echo unshare: no >&2; exit 3"], /^the plugin's process ended: exit code 3: unshare: no$/],
  ];
  for (const [argv, message] of table) {
    const own = new PluginWorkers({ command: { argv } });
    await assert.rejects(own.load({ "main.rhai": "" }), failing(message, "PLUGIN_CRASH"));
    await own.close();
  }
});

test("what a worker says is not believed", async () => {
  const json = (message: object) => JSON.stringify(message);
  const framed = (text: string, length = Buffer.byteLength(text)) => {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(length, 0);
    header.writeUInt32LE(0xffffffff, 4);
    return `\\${[...header].map((byte) => byte.toString(8).padStart(3, "0")).join("\\")}${text.replaceAll("%", "%%")}`;
  };
  const engine = { kind: "engine", id: 1, method: "log", args: ["info", "x"], bytesAt: null, timeLeft: null };
  const failure = { code: "PLUGIN_SCRIPT", message: "m", diagnostics: [], frames: [] };
  const diagnostic = { code: "c", severity: "error", message: "m", file: "__proto__" };
  const range = { start: { line: 1, column: 1e300 }, end: { line: 1, column: 1 } };
  const lies: readonly string[] = [
    framed("{", 0xfffffff0),
    framed("no json"),
    framed(json({ kind: "else" })),
    framed(json({ kind: "done", output: { functions: "all" } })),
    framed(json({ kind: "done", output: { functions: [{ name: "f", params: [1] }] } })),
    framed(json({ kind: "failed", failure: { ...failure, code: "PLUGIN_NEW" } })),
    framed(json({ kind: "failed", failure: { ...failure, diagnostics: [{ ...diagnostic, range }] } })),
    framed(json({ kind: "engine", id: 1 })),
    framed(json(engine)) + framed(json({ ...engine, id: 2 })),
  ];
  for (const lie of lies) {
    const argv = ["sh", "-c", `printf '${lie.replaceAll("'", "'\\''")}'; exec sleep 1000`] as const;
    const own = new PluginWorkers({ command: { argv } });
    await assert.rejects(own.load({ "main.rhai": "" }), failing(/^the plugin's process was killed: /, "PLUGIN_CRASH"));
    assert.deepEqual(own.pids, []);
    await own.close();
  }
});

test("a result that is too large is an error of the call", async () => {
  const large = 'fn f() { let s = "0123456789abcdef"; for i in 0..19 { s += s; } s }';
  await assert.rejects(call(large), failing(/^the plugin's result is too large/, "PLUGIN_LIMIT"));
  assert.equal(await call("fn f() { 1 }"), "1");
});
