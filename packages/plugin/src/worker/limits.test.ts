import assert from "node:assert/strict";
import { test } from "node:test";
import { call, engineWith, failing, workers } from "../fixtures/run.ts";
import { PluginError, PluginWorkers } from "../index.ts";

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

test("code that never looks at the clock is ended with its thread", async () => {
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

test("more calls than threads wait in line", async () => {
  const plugin = await workers.load({ "main.rhai": "fn f(p) { p }" });
  const params = Array.from({ length: 20 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(params.map((param) => plugin.call("f", param, engineWith()))), params);
});

test("closing ends calls under way", async () => {
  const own = new PluginWorkers({ size: 1 });
  const plugin = await own.load({ "main.rhai": "fn f() { sleep(60) }" });
  const running = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  const waiting = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  setImmediate(() => void own.close());
  await Promise.all([running, waiting]);
});

test("a call waits a while for a busy thread; one that is busy for longer gets another beside it", async () => {
  const patient = new PluginWorkers({ size: 3, patienceMs: 60_000 });
  const short = await patient.load({ "main.rhai": "fn f(p) { p }" });
  const params = Array.from({ length: 20 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(params.map((param) => short.call("f", param, engineWith()))), params);
  assert.deepEqual(patient.usage, { busy: 0, idle: 1, waiting: 0 });
  await patient.close();

  const own = new PluginWorkers({ size: 3, patienceMs: 1 });
  const long = await own.load({ "main.rhai": "fn hang() { sleep(60) } fn f() { 1 }" });
  const hanging = assert.rejects(long.call("hang", "", engineWith()), { code: "PLUGIN_ABORTED" });
  assert.equal(await long.call("f", "", engineWith()), "1");
  assert.deepEqual(own.usage, { busy: 1, idle: 1, waiting: 0 });
  await own.close();
  await hanging;
});

test("threads without work are let go, and made again when there is work", async () => {
  const own = new PluginWorkers({ size: 3, idleMs: 1 });
  const plugin = await own.load({ "main.rhai": "fn f(p) { p }" });
  const call = () => Promise.all(["a", "b", "c"].map((param) => plugin.call("f", param, engineWith())));
  assert.deepEqual(await call(), ["a", "b", "c"]);
  while (own.usage.idle > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(own.usage, { busy: 0, idle: 0, waiting: 0 });
  assert.deepEqual(await call(), ["a", "b", "c"]);
  await own.close();
});

test("scripts that were loaded for another node are not compiled again, and wait for no thread", async () => {
  const own = new PluginWorkers({ size: 1 });
  const files = { "main.rhai": "fn f() { sleep(60) }" };
  const first = await own.load(files);
  const running = assert.rejects(first.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  const second = await own.load({ ...files });
  assert.deepEqual([second.digest, second.functions], [first.digest, first.functions]);
  await own.close();
  await running;
});
