import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobStatus } from "../engine/job.ts";
import { engineWith, failing, workers } from "../fixtures/run.ts";

test("typed values accept what they can mean (§1 Do better)", async () => {
  const plugin = await workers.load({
    "main.rhai": `
      fn height() { 5.0 } fn block_age() { -1 } fn name() { 'n' } fn address() { () } fn consensus() { "true" }
      fn apr() { "0.05" } fn jailed() { false } fn jailed_reason() { "" } fn sqd_name() { 7 }
      fn protocol_status() { #{ state: "s", health: "healthy", extra: 1 } }`,
  });
  const engine = engineWith();
  assert.equal(await plugin.poll("height", engine), 5);
  const nanoseconds = await workers.load({ "main.rhai": "fn height() { 1780000000000000001 } fn block_age() { 7 }" });
  assert.deepEqual(await nanoseconds.pollAll(["height", "block_age"], engine), {
    values: { height: 1780000000000000001n, block_age: 7 },
    failures: new Map(),
  });
  assert.equal(await nanoseconds.call("height", "", engine), "1780000000000000001");
  await assert.rejects(
    plugin.poll("block_age", engine),
    failing(/out of range integral type conversion attempted/, "PLUGIN_RESULT"),
  );
  assert.equal(await plugin.poll("name", engine), "n");
  assert.equal(await plugin.poll("address", engine), "");
  assert.equal(await plugin.poll("consensus", engine), true);
  assert.equal(await plugin.poll("apr", engine), 0.05);
  assert.equal(await plugin.poll("jailed", engine), false);
  assert.equal(await plugin.poll("sqd_name", engine), "7");
  assert.equal(await plugin.call("protocol_status", "", engine), '{"state":"s","health":"healthy"}');
  const bad = await workers.load({ "main.rhai": 'fn protocol_status() { #{ state: "s", health: "Healthy" } }' });
  await assert.rejects(bad.protocolStatus(engine), failing(/unknown variant `Healthy`/, "PLUGIN_RESULT"));
  const former = await workers.load({ "main.rhai": 'fn application_status() { "ok" }' });
  assert.deepEqual(await former.protocolStatus(engine), { state: "ok", health: "neutral" });
});

test("job states come before the script's own status", async () => {
  const plugin = await workers.load({ "main.rhai": 'fn protocol_status() { throw "not asked" }' });
  const jobs = { download: { status: "running" } as never };
  const downloading = { state: "downloading", health: "neutral" };
  assert.deepEqual(await plugin.protocolStatus(engineWith({ getJobs: async () => jobs })), downloading);
  const notAsked = engineWith({ getJobs: () => Promise.reject(new Error("not asked")) });
  assert.deepEqual(await plugin.protocolStatus(notAsked, { jobs }), downloading);
});

test("several values in one turn: each has its own time, and one that fails keeps no other away", async () => {
  const plugin = await workers.load({
    "main.rhai": `
      fn height() { 5 } fn block_age() { throw "gone" } fn apr() { loop { } } fn jailed() { run_sh("x").unwrap().stdout == "" }
      fn name() { node_env().node_name }`,
  });
  const given = Promise.withResolvers<number>();
  const engine = engineWith({
    runSh: async (_body, _timeout, { deadline }) => {
      given.resolve(deadline - Date.now());
      return new Promise(() => {});
    },
  });
  const options = { timeoutMs: 200 };
  const { values, failures } = await plugin.pollAll(
    ["height", "block_age", "apr", "jailed", "consensus", "name"],
    engine,
    options,
  );
  assert.deepEqual(values, { height: 5, name: (await engine.nodeEnv()).node_name });
  assert.deepEqual(
    [...failures].map(([name, { code, message }]) => [name, code, message.split("(line")[0]?.trim()]),
    [
      ["block_age", "PLUGIN_SCRIPT", "Rhai function 'block_age' returned error: Runtime error: gone"],
      ["apr", "PLUGIN_TIMEOUT", "'apr' did not finish within 0.2 s"],
      ["jailed", "PLUGIN_TIMEOUT", "'jailed' did not finish within 0.2 s"],
      ["consensus", "PLUGIN_METHOD", "Rhai function 'consensus' returned error: Function not found: consensus"],
    ],
  );
  assert.ok((await given.promise) <= 200, "what a function asks for ends with its own time");

  const giving = new AbortController();
  const aborted = plugin.pollAll(["apr", "height"], engine, { signal: giving.signal });
  setImmediate(() => giving.abort());
  await assert.rejects(aborted, { code: "PLUGIN_ABORTED" });
  assert.deepEqual((await plugin.pollAll(["height"], engine)).values, { height: 5 });
});

test("a secret is asked for once in an evaluation; the next finds what it was changed to, and what a script puts counts at once", async () => {
  const plugin = await workers.load({
    "main.rhai": `
      fn read(key) { try { return get_secret(key).as_string(); } catch (e) { return e; } }
      fn twice() { read("node-key") + " " + read("node-key") + " " + read("none-key") + " " + read("none-key") }
      fn replace() { read("node-key"); put_secret("node-key", "new".to_blob()); read("node-key") }`,
  });
  const asked: string[] = [];
  let value = "old";
  const engine = engineWith({
    getSecret: async (key) => {
      asked.push(key);
      return key === "node-key" ? Buffer.from(value) : undefined;
    },
    putSecret: async (_key, bytes) => {
      value = Buffer.from(bytes).toString();
    },
  });
  assert.equal(await plugin.call("twice", "", engine), "old old not_found not_found");
  assert.deepEqual(asked.splice(0), ["node-key", "none-key"]);
  value = "changed";
  assert.equal(await plugin.call("twice", "", engine), "changed changed not_found not_found");
  assert.equal(await plugin.call("replace", "", engine), "new");
});

test("capabilities and functions (§1.7)", async () => {
  const plugin = await workers.load({
    "main.rhai": `import "m" as m;
/// Says it.
fn say(a) { a }
fn say() { 1 }
private fn hidden() { || 1 }
fn two(a, b) { a }
fn plugin_config() { #{ services: [] } }`,
    "m.rhai": "fn other() { 1 }",
  });
  assert.deepEqual(plugin.capabilities, ["init", "plugin_config", "say", "upload"]);
  assert.deepEqual(plugin.functions[0], {
    name: "say",
    params: ["a"],
    private: false,
    doc: "Says it.",
    file: "main.rhai",
    line: 3,
  });
  assert.equal(plugin.hasConfig, true);
});

const CONFIG = 'fn plugin_config() { #{ services: [#{ name: "s", run_sh: "x" }] } }';

test("init: config first, then the script's own or the default", async () => {
  const byDefault = await workers.load({ "main.rhai": CONFIG });
  const engine = engineWith();
  const steps: string[] = [];
  await byDefault.init(engine, { onStep: (step) => void steps.push(step.kind) });
  assert.deepEqual([engine.config?.services[0]?.name, engine.jobs.map((job) => job.name)], ["s", ["download", "s"]]);
  assert.deepEqual(steps, ["stop_jobs", "data_stage", "job", "job"]);

  const custom = await workers.load({
    "main.rhai": `${CONFIG} fn init() { save_data("before"); default_init(); "ignored" }`,
  });
  const another = engineWith();
  assert.equal(await custom.call("init", "", another), "");
  assert.deepEqual(
    another.jobs.map((job) => job.name),
    ["download", "s"],
  );

  const former = await workers.load({ "main.rhai": "fn init(params) { save_data(type_of(params) + params.len()); }" });
  const saved: string[] = [];
  await former.init(engineWith({ saveData: async (text) => void saved.push(text) }));
  assert.deepEqual(saved, ["map0"]);
  await assert.rejects(
    (await workers.load({ "main.rhai": "" })).init(engineWith()),
    failing("Missing plugin_config function", "PLUGIN_CONFIG"),
  );
  const alone = await workers.load({ "main.rhai": "fn init() { default_init() } fn f() { default_init() }" });
  await assert.rejects(alone.init(engineWith()), failing(/Missing plugin_config function/));
  await assert.rejects(alone.call("f", "", engineWith()), failing(/can only be called from init/));
});

test("init deletes jobs and tasks that the new config no longer has, and nothing that runs or that it never knew (D3-16)", async () => {
  const job = (status: JobStatus) => ({ status }) as never;
  const over: JobStatus = { finished: { exit_code: 0, message: "" } };
  const jobs = { s: job("running"), old: job(over), off: job("stopped"), busy: job("running"), download: job(over) };
  const gone: string[] = [];
  const overrides = {
    hasProtocolArchive: async () => false,
    getJobs: async () => jobs,
    deleteJob: async (name: string) => void gone.push(`job ${name}`),
    deleteTask: async (name: string) => void gone.push(`task ${name}`),
  };
  const engine = engineWith(overrides);
  const task = (name: string) => `#{ name: "${name}", schedule: "@daily", function: "f" }`;
  const before = `fn f() {} fn plugin_config() { #{ services: [], scheduled: [${task("kept")}, ${task("dropped")}] } }`;
  await (await workers.load({ "main.rhai": before })).init(engine);
  assert.deepEqual(gone, [], "an init without jobs is no new set");

  const after = `fn f() {} fn plugin_config() { #{ services: [#{ name: "s", run_sh: "x" }], scheduled: [${task("kept")}] } }`;
  await (await workers.load({ "main.rhai": after })).init(engine);
  assert.deepEqual(gone.splice(0), ["task dropped", "job old", "job off"]);

  const own = 'fn init() { start_job("s"); create_job("off", #{ job_type: #{ run_sh: "x" }, restart: "never" }) }';
  await (await workers.load({ "main.rhai": own })).init(engine);
  assert.deepEqual(gone, ["job old"]);
});

test("a config that is wrong touches nothing (§12 22–25)", async () => {
  const table: [config: string, message: RegExp][] = [
    ["#{}", /^Invalid Rhai script - failed to deserialize plugin_config: Syntax error: missing field `services`$/],
    ['#{ services: [#{ name: "a", run_sh: "x" }, #{ name: "a", run_sh: "x" }] }', /Services names are not unique$/],
    [
      '#{ services: [#{ name: "upload", run_sh: "x", data_dir: "/a", store_key: "a b" }] }',
      /Services names are not unique \(and 2 more\)$/,
    ],
  ];
  for (const [config, message] of table) {
    const plugin = await workers.load({ "main.rhai": `fn plugin_config() { ${config} }` });
    const engine = engineWith();
    await assert.rejects(plugin.init(engine), failing(message, "PLUGIN_CONFIG"));
    assert.deepEqual([engine.jobs, engine.config], [[], undefined]);
  }
  const single = await workers.load({ "main.rhai": CONFIG });
  assert.equal((await single.evaluateConfig(engineWith())).services[0]?.store_key, null);
});

test("upload uses the persisted config", async () => {
  const plugin = await workers.load({ "main.rhai": CONFIG });
  const engine = engineWith();
  await plugin.init(engine);
  assert.equal(await plugin.call("upload", "", engine), "null");
  assert.deepEqual(
    engine.jobs.map((job) => job.name),
    ["download", "upload", "s"],
  );
});

test("upload does without a persisted config of another plugin, such as that of the image before", async () => {
  const script = (user: string) =>
    `fn plugin_config() { #{ services: [#{ name: "s", run_sh: "x", run_as: "${user}" }] } } fn f() { "${user}" }`;
  const [old, now] = await Promise.all(["old", "now"].map((user) => workers.load({ "main.rhai": script(user) })));
  const engine = engineWith();
  await old?.init(engine);
  await now?.upload(engine);
  assert.equal(engine.jobs.find(({ name }) => name === "s")?.config.run_as, "now");
});
