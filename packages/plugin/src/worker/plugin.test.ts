import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type PluginEngine, PluginError, PluginWorkers, StubEngine, sampleNodeEnv } from "../index.ts";

const workers = new PluginWorkers({ size: 2 });
after(() => workers.close());

const env = sampleNodeEnv({ version: "1.0.0", protocol: "p", variant: "v" });

function engineWith(overrides: Partial<PluginEngine> = {}): PluginEngine & StubEngine {
  return Object.assign(new StubEngine({ env, params: { color: "blue" } }), overrides);
}

async function call(script: string, overrides: Partial<PluginEngine> = {}, fn = "f", param = ""): Promise<string> {
  const plugin = await workers.load({ "main.rhai": script });
  return plugin.call(fn, param, engineWith(overrides));
}

const failing = (message: RegExp | string, code = "PLUGIN_SCRIPT") => ({ name: "PluginError", code, message });

test("results become text (§12 1)", async () => {
  const table: [body: string, text: string][] = [
    ['"a"', "a"],
    ["5", "5"],
    ["1.5", "1.5"],
    ["2.0", "2.0"],
    ["'c'", "c"],
    ["true", "true"],
    ['#{b: [1, ()], a: "x"}', '{"a":"x","b":[1,null]}'],
    ["[]", "[]"],
    ["let x = 1;", ""],
    ['exit("early"); "late"', "early"],
    ["node_params().color", "blue"],
    ['node_params()["none"] ?? "d"', "d"],
    ["node_env().org_id + node_env().node_org_id", "org-idorg-id"],
    ["node_env().node_variant", "v"],
    ["#{a: 'x', t: \"\\u0001\"}.to_json()", '{"a":"x","t":"\\u0001"}'],
    ["system_time() > 1700000000", "true"],
    ['parse_json("[1, 2.5]")[1]', "2.5"],
    ['get_secret("k").as_string()', "secret value"],
    ['file_read("/x").len()', "0"],
  ];
  for (const [body, text] of table) assert.equal(await call(`fn f() { ${body} }`), text, body);
});

test("which function is called (§12 2, 3; §1.6)", async () => {
  const both = 'fn f() { "none" } fn f(p) { "one:" + p }';
  assert.equal(await call(both, {}, "f"), "one:");
  assert.equal(await call(both, {}, "f", "x"), "one:x");
  assert.equal(await call('fn f() { "none" }', {}, "f", "x"), "none");
  await assert.rejects(call("fn f(a, b) { 1 }"), failing("no matching method 'f' found", "PLUGIN_METHOD"));
  await assert.rejects(call("", {}, "f"), failing("no matching method 'f' found", "PLUGIN_METHOD"));
  await assert.rejects(
    call("", {}, "height"),
    failing("Rhai function 'height' returned error: Function not found: height", "PLUGIN_METHOD"),
  );
});

test("the top level runs afresh with every call (§12 4)", async () => {
  const plugin = await workers.load({ "main.rhai": "const A = node_env().node_name; fn f() { global::A }" });
  const names = ["first", "second"];
  for (const node_name of names)
    assert.equal(await plugin.call("f", "", engineWith({ nodeEnv: async () => ({ ...env, node_name }) })), node_name);
});

test("modules are evaluated afresh too", async () => {
  const plugin = await workers.load({
    "main.rhai": 'import "m" as m; import "m" as again; fn f() { m::name() + again::name() }',
    "m.rhai": "const N = node_env().node_name; fn name() { global::N }",
  });
  for (const node_name of ["a", "b"]) {
    const engine = engineWith({ nodeEnv: async () => ({ ...env, node_name }) });
    assert.equal(await plugin.call("f", "", engine), node_name + node_name);
  }
});

test("top-level variables are invisible to functions (§12 5)", async () => {
  await assert.rejects(
    call("let v = 1; fn f() { v }"),
    failing(/^Rhai function 'f' returned error: Variable not found: v \(line 1, position 21\)/),
  );
});

test("imports stay inside the plugin directory (§12 6, 7)", async () => {
  const files = {
    "main.rhai": 'import "sub/x" as x; fn f() { x::name() + own() } fn own() { "!" }',
    "sub/x.rhai": 'import "y" as y; fn name() { "x" + y::name() }',
    "y.rhai": 'const N = "y"; fn name() { global::N + own() }',
  };
  const plugin = await workers.load(files);
  assert.equal(await plugin.call("f", "", engineWith()), "xy!!");
  for (const path of ["/etc/x", "../x", "sub/../../x", "missing"]) {
    await assert.rejects(call(`import "${path}" as x; fn f() { 1 }`), failing(/Module not found/), path);
  }
});

test("a changed file is a new plugin", async () => {
  const main = { "main.rhai": 'import "m" as m; fn f() { m::v() }' };
  const before = await workers.load({ ...main, "m.rhai": "fn v() { 1 }" });
  const changed = await workers.load({ ...main, "m.rhai": "fn v() { 2 }" });
  assert.notEqual(before.digest, changed.digest);
  assert.deepEqual([await before.call("f", "", engineWith()), await changed.call("f", "", engineWith())], ["1", "2"]);
});

test("secrets: absent ones are `not_found`, in a catch a text (§12 8)", async () => {
  const script = 'fn f() { try { get_secret("absent-key"); } catch (e) { return type_of(e) + ":" + e; } }';
  assert.equal(await call(script, { getSecret: async () => undefined }), "string:not_found");
  await assert.rejects(
    call('fn f() { get_secret("k") }', { getSecret: async () => undefined }),
    failing(/Runtime error: not_found \(line 1, position 10\)/),
  );
});

test("JSON-RPC requests (§12 9–11)", async () => {
  const seen: unknown[] = [];
  const engine: Partial<PluginEngine> = {
    runJrpc: async (request, timeoutMs) => {
      seen.push({ ...request, timeoutMs });
      return { statusCode: 200, body: '{"result":"0xa1"}' };
    },
  };
  const script = (request: string) => `fn f() { parse_hex(run_jrpc(${request}).expect(200).result) }`;
  assert.equal(await call(script('#{host:"h",method:"m",params:[1,1.5,"a",(),true,#{b:1}]}'), engine), "161");
  await call(script('#{host:"h",method:"m",headers:#{b:"2",a:"1"}}, 3'), engine);
  await call(script('#{host:"h",method:"m",params:(),headers:[["X","1"],["X","2"]]}, 0.5'), engine);
  assert.deepEqual(seen, [
    { host: "h", method: "m", params: [1, 1.5, "a", null, true, { b: 1 }], headers: [], timeoutMs: 15000 },
    {
      host: "h",
      method: "m",
      headers: [
        ["a", "1"],
        ["b", "2"],
      ],
      timeoutMs: 3000,
    },
    {
      host: "h",
      method: "m",
      headers: [
        ["X", "1"],
        ["X", "2"],
      ],
      timeoutMs: 500,
    },
  ]);
  await assert.rejects(
    call(script('#{host:"h",method:"m",params:"x"}')),
    failing(/Runtime error: unsupported jrpc params type/),
  );
  await assert.rejects(
    call(script('#{host:"h",method:"m",headers:1}')),
    failing(/Runtime error: unsupported jrpc headers type/),
  );
  await assert.rejects(call(script('#{host:"h"}')), failing(/Syntax error: missing field `method`/));
  await assert.rejects(
    call(script('#{host:1,method:"m"}')),
    failing(/Output type incorrect: i64 \(expecting String\)/),
  );
  await assert.rejects(
    call(script('#{host:"h",method:"m"}, -1')),
    failing(/out of range integral type conversion attempted/),
  );
  await assert.rejects(call('fn f() { run_jrpc("url", "method") }'), failing(/Function not found: run_jrpc/));
});

test("responses (§12 12–14)", async () => {
  const http = (statusCode: number, body: string): Partial<PluginEngine> => ({
    runRest: async () => ({ statusCode, body }),
  });
  const rest = (tail: string) => `const A = 7; fn ok(c) { c == 201 } fn f() { run_rest(#{url: "u"})${tail} }`;
  await assert.rejects(
    call(rest(".expect(404)"), http(200, "{}")),
    failing(/Runtime error: unexpected status_code: 200/),
  );
  assert.equal(await call(rest(".expect(|c| c >= 200 && c < 300).a[0]"), http(201, '{"a":[1]}')), "1");
  assert.equal(await call(rest(".expect(|c| ok(c)).a[0]"), http(201, '{"a":[1]}')), "1");
  await assert.rejects(
    call(rest(".expect(|c| c)"), http(200, "{}")),
    failing(/Output type incorrect: i64 \(expecting bool\)/),
  );
  await assert.rejects(
    call(rest(".expect(200)"), http(200, '{"a":print(1)}')),
    failing(/invalid JSON: unexpected "p" \(line 1, position 6\)/),
  );
  assert.equal(await call(rest(".body"), http(500, "oops")), "oops");
  assert.equal(await call('fn f() { type_of(run_rest(#{url: "u"})) }'), "DressedHttpResponse");

  const sh: Partial<PluginEngine> = {
    runSh: async (body) => ({ exitCode: Number(/\d+/.exec(body)?.[0]), stdout: "out\n", stderr: "err" }),
  };
  await assert.rejects(
    call('fn f() { run_sh("exit 3").unwrap() }', sh),
    failing(/Runtime error: unexpected exit_code: 3/),
  );
  assert.equal(
    await call(
      'fn f() { let r = run_sh("exit 0", 5); r.exit_code + " " + r.stdout + r.stderr + " " + r.unwrap() }',
      sh,
    ),
    "0 out\nerr out\n",
  );
});

test("GraphQL goes out as a GET", async () => {
  const seen: unknown[] = [];
  const runRest: PluginEngine["runRest"] = async (request) => {
    seen.push(request);
    return { statusCode: 200, body: "{}" };
  };
  await call(
    'fn f() { run_graphql(#{url:"http://h/g", query:"{ a(b: 1) }", variables:#{x:1}, headers:[["accept","no"],["k","v"]]}).expect(200) }',
    { runRest },
  );
  assert.deepEqual(seen, [
    {
      url: "http://h/g?query=%7B%20a%28b%3A%201%29%20%7D&variables=%7B%22x%22%3A1%7D",
      method: "GET",
      headers: [
        ["Content-Type", "application/json"],
        ["Accept", "application/json"],
        ["k", "v"],
      ],
    },
  ]);
});

test("jobs from a script (§12 20, 21)", async () => {
  const engine = engineWith({
    jobInfo: async () => ({
      status: { pending: { waiting_for: ["x"] } },
      timestamp: { secs_since_epoch: 5, nanos_since_epoch: 0 },
      progress: null,
      restart_count: 2,
      logs: [],
      upgrade_blocking: true,
    }),
  });
  const plugin = await workers.load({
    "main.rhai": `
      fn start(p) { start_job(" j ", #{job_type: #{run_sh: p}, restart: #{on_failure: #{backoff_timeout_ms: 1, backoff_base_ms: 2}}, needs: ["a"]}); "done" }
      fn always() { start_job("j", #{job_type: #{run_sh: "x"}, restart: "always"}) }
      fn unnamed() { create_job(" ", #{job_type: #{run_sh: "x"}, restart: "never"}) }
      fn info() { job_info("j").to_json() }
      fn status() { job_status("j").pending.waiting_for[0] }`,
  });
  assert.equal(await plugin.call("start", "sleep 1", engine), "done");
  assert.deepEqual(engine.jobs, [
    {
      name: "j",
      config: {
        job_type: { run_sh: "sleep 1" },
        restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: null } },
        shutdown_timeout_secs: null,
        shutdown_signal: null,
        needs: ["a"],
        wait_for: null,
        run_as: null,
        log_buffer_capacity_mb: null,
        log_timestamp: null,
        use_protocol_data: null,
        one_time: null,
      },
    },
  ]);
  await assert.rejects(
    plugin.call("always", "", engine),
    failing(/Syntax error: invalid type: unit variant, expected newtype variant/),
  );
  await assert.rejects(plugin.call("unnamed", "", engine), failing(/create_job failed: empty job name is not allowed/));
  assert.equal(
    await plugin.call("info", "", engine),
    '{"logs":[],"progress":null,"restart_count":2,"status":{"pending":{"waiting_for":["x"]}},"timestamp":{"nanos_since_epoch":0,"secs_since_epoch":5},"upgrade_blocking":true}',
  );
  assert.equal(await plugin.call("status", "", engine), "x");
});

test("data, files, tasks, templates and logs reach the host", async () => {
  const seen: unknown[] = [];
  const note =
    (name: string) =>
    async (...args: unknown[]) =>
      void seen.push([name, ...args.slice(0, -1)]);
  const overrides = {
    saveData: note("save"),
    fileWrite: note("write"),
    deleteTask: note("delete"),
    renderTemplate: note("render"),
    log: note("log"),
    putSecret: note("put"),
  };
  await call(
    `fn f() {
      save_data("d"); file_write("/x", "hi".to_blob()); put_secret("key-one", "s".to_blob()); delete_task("t");
      render_template("/a", "/b", #{p: 'c', q: [1]}); info("i"); warn("w"); error("e"); debug("q"); print("p");
    }`,
    overrides as never,
  );
  assert.deepEqual(seen, [
    ["save", "d"],
    ["write", "/x", new TextEncoder().encode("hi")],
    ["put", "key-one", new TextEncoder().encode("s")],
    ["delete", "t"],
    ["render", "/a", "/b", { p: "c", q: [1] }],
    ["log", "info", "i"],
    ["log", "warn", "w"],
    ["log", "error", "e"],
    ["log", "debug", '"q"'],
    ["log", "info", "p"],
  ]);
  await assert.rejects(call("fn f() { info(1) }"), failing(/Function not found: info \(i64\)/));
  await assert.rejects(
    call("fn f() { load_data() }", { loadData: async () => undefined }),
    failing(/No such file or directory \(os error 2\)/),
  );
  await assert.rejects(call('fn f() { add_task("t", "61 * * * * *", "f") }'), failing(/Seconds must be less than 59/));
  assert.equal(await call('fn info(p) { "own " + p } fn f() { info("x") }'), "own x");
});

test("failures of the host are thrown as their text", async () => {
  const runSh = async () => {
    throw new Error("node connection is closed");
  };
  assert.equal(
    await call('fn f() { try { run_sh("x"); } catch (e) { return e; } }', { runSh }),
    "node connection is closed",
  );
  await assert.rejects(
    call('fn f() { run_sh("x") }', { runSh }),
    failing(/^Rhai function 'f' returned error: Runtime error: node connection is closed \(line 1, position 10\)/),
  );
});

test("an error says where it was, through every call", async () => {
  const plugin = await workers.load({
    "main.rhai": 'import "m" as m;\nfn f() {\n  m::deep()\n}',
    "m.rhai": 'fn deep() {\n  throw "msg"\n}',
  });
  const error = await plugin.call("f", "", engineWith()).then(
    () => assert.fail("no error"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PluginError);
  assert.match(
    error.message,
    /^Rhai function 'f' returned error: Runtime error: msg .*\(line 2, position 3\)\nin call to function 'm::deep'|deep/s,
  );
  assert.deepEqual(error.frames, [
    { fn: "deep", file: "m.rhai", line: 2, column: 3 },
    { fn: "f", file: "main.rhai", line: 3, column: 6 },
  ]);
  const [finding] = error.diagnostics;
  assert.deepEqual([finding?.code, finding?.file, finding?.range?.start], ["NIB510", "m.rhai", { line: 2, column: 3 }]);
});

test("every file is compiled at load, all errors are told", async () => {
  const error = await workers
    .load({ "main.rhai": "fn f() {\n  let = 1;\n}\nfn g( { }", "lib/b.rhai": "let x = ;" })
    .then(
      () => assert.fail("no error"),
      (reason: unknown) => reason,
    );
  assert.ok(error instanceof PluginError);
  assert.equal(error.code, "PLUGIN_SYNTAX");
  assert.match(error.message, /^Rhai syntax error: .*\(line 2, position 7\)/);
  assert.deepEqual(
    new Set(error.diagnostics.map((one) => `${one.code} ${one.file}`)),
    new Set(["NIB501 main.rhai", "NIB501 lib/b.rhai"]),
  );
  await assert.rejects(workers.load({}), failing(/Cannot open script file 'main.rhai'/, "PLUGIN_SYNTAX"));
});

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
  assert.equal(await call("fn f() { 1 }"), "1");
});

test("more calls than threads wait in line", async () => {
  const plugin = await workers.load({ "main.rhai": "fn f(p) { p }" });
  const params = Array.from({ length: 20 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(params.map((param) => plugin.call("f", param, engineWith()))), params);
});

test("typed values accept what they can mean (§1 Do better)", async () => {
  const plugin = await workers.load({
    "main.rhai": `
      fn height() { 5.0 } fn block_age() { -1 } fn name() { 'n' } fn address() { () } fn consensus() { "true" }
      fn apr() { "0.05" } fn jailed() { false } fn jailed_reason() { "" } fn sqd_name() { 7 }
      fn protocol_status() { #{ state: "s", health: "healthy", extra: 1 } }`,
  });
  const engine = engineWith();
  assert.equal(await plugin.poll("height", engine), 5);
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
  const engine = engineWith({ getJobs: async () => ({ download: { status: "running" } as never }) });
  assert.deepEqual(await plugin.protocolStatus(engine), { state: "downloading", health: "neutral" });
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

test("closing ends calls under way", async () => {
  const own = new PluginWorkers({ size: 1 });
  const plugin = await own.load({ "main.rhai": "fn f() { sleep(60) }" });
  const running = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  const waiting = assert.rejects(plugin.call("f", "", engineWith()), { code: "PLUGIN_ABORTED" });
  setImmediate(() => void own.close());
  await Promise.all([running, waiting]);
});
