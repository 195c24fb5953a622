import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobConfig } from "../engine/job.ts";
import { call, engineWith, failing, workers } from "../fixtures/run.ts";
import type { PluginEngine } from "../index.ts";

test("a secret that was put is what is read from then on, within one call", async () => {
  const store = new Map([["key-one", "old"]]);
  const asked: string[] = [];
  const script = `fn f() {
    let seen = [get_secret("key-one").as_string(), get_secret("key-one").as_string()];
    put_secret("key-one", "new".to_blob());
    seen.push(get_secret("key-one").as_string());
    try { put_secret("key-one", "lost".to_blob()); } catch { seen.push(get_secret("key-one").as_string()); }
    seen
  }`;
  const said = await call(script, {
    getSecret: async (key) => {
      asked.push(key);
      return new TextEncoder().encode(store.get(key));
    },
    // The answer to the second one is lost, not the change.
    putSecret: async (key, value) => {
      const text = new TextDecoder().decode(value);
      store.set(key, text);
      if (text === "lost") throw new Error("connection lost");
    },
  });
  assert.deepEqual([said, asked.length], ['["old","old","new","lost"]', 3]);
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
  assert.equal(
    await call(script('#{host:"h",method:"m",params:[1,1.5,"a",(),true,#{b:9007199254740993,c:1.0}]}'), engine),
    "161",
  );
  await call(script('#{host:"h",method:"m",headers:#{b:"2",a:"1"}}, 3'), engine);
  await call(script('#{host:"h",method:"m",params:(),headers:[["X","1"],["X","2"]]}, 0.5'), engine);
  assert.deepEqual(seen, [
    {
      host: "h",
      method: "m",
      params: '[1,1.5,"a",null,true,{"b":9007199254740993,"c":1.0}]',
      headers: [],
      timeoutMs: 15000,
    },
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

test("run_sh with options; output that was cut is not taken for whole", async () => {
  const seen: unknown[] = [];
  const runSh: PluginEngine["runSh"] = async (body, options) => {
    seen.push([body, options]);
    return { exitCode: 0, stdout: "part", stderr: "", truncated: true };
  };
  const run = (text: string) => call(`fn f() { ${text} }`, { runSh });
  assert.equal(
    await run('let r = run_sh("a", #{timeout: 1.5, user: "web", stdin: "in", env: #{A: "b"}}); r.stdout + r.truncated'),
    "parttrue",
  );
  assert.equal(await run('run_sh("b", #{}).stdout'), "part");
  assert.deepEqual(seen, [
    ["a", { timeoutMs: 1500, env: { A: "b" }, stdin: "in", user: "web" }],
    ["b", { timeoutMs: 15_000 }],
  ]);
  await assert.rejects(run('run_sh("c").unwrap()'), failing(/the output is too long/));
  await assert.rejects(run('run_sh("c", #{timeout: -1})'), failing(/out of range integral type conversion attempted/));
  await assert.rejects(run('run_sh("c", #{env: #{A: 1}})'), failing(/Output type incorrect: i64 \(expecting String\)/));
});

test("GraphQL goes out as a GET", async () => {
  const seen: unknown[] = [];
  const runRest: PluginEngine["runRest"] = async (request) => {
    seen.push(request);
    return { statusCode: 200, body: "{}" };
  };
  await call(
    'fn f() { run_graphql(#{url:"http://h/g", query:"{ a(b: 1) }", variables:#{x:1.0}, headers:[["accept","no"],["k","v"]]}).expect(200) }',
    { runRest },
  );
  assert.deepEqual(seen, [
    {
      url: "http://h/g?query=%7B%20a%28b%3A%201%29%20%7D&variables=%7B%22x%22%3A1.0%7D",
      method: "GET",
      headers: [
        ["Content-Type", "application/json"],
        ["Accept", "application/json"],
        ["k", "v"],
      ],
    },
  ]);
});

test("REST and GraphQL with a method and a body", async () => {
  const seen: unknown[] = [];
  const runRest: PluginEngine["runRest"] = async ({ url: _url, ...request }) => {
    seen.push(request);
    return { statusCode: 200, body: "{}" };
  };
  const send = (request: string, name = "run_rest") =>
    call(`fn f() { ${name}(#{url: "u", ${request}}).expect(200) }`, { runRest });
  await send('method: "PUT", body: "as it is"');
  await send('method: "POST", body: #{a: [1, ()]}, headers: #{k: "v"}');
  await send('method: "POST", body: [], headers: [["content-type", "application/x"]]');
  await send('method: "POST", query: "{ a }", variables: #{x: 1}, operation_name: "o"', "run_graphql");
  const json = ["Content-Type", "application/json"];
  assert.deepEqual(seen, [
    { method: "PUT", body: "as it is", headers: [] },
    { method: "POST", body: '{"a":[1,null]}', headers: [json, ["k", "v"]] },
    { method: "POST", body: "[]", headers: [["content-type", "application/x"]] },
    {
      method: "POST",
      body: '{"query":"{ a }","variables":{"x":1},"operationName":"o"}',
      headers: [json, ["Accept", "application/json"]],
    },
  ]);
  await assert.rejects(send("method: 1"), failing(/Output type incorrect: i64 \(expecting String\)/));
  await assert.rejects(send('method: "POST", body: Fn("f")'), failing(/Output type incorrect/));
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
      fn checked(check) { create_job("c", #{job_type: #{run_sh: "x"}, restart: "never", ready_check: eval(check)}); "done" }
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
        restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: null, backoff_max_ms: null } },
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
  assert.equal(await plugin.call("checked", "#{tcp: 8545}", engine), "done");
  assert.deepEqual((engine.jobs.at(-1) as { readonly config: JobConfig }).config.ready_check, { tcp: 8545 });
  await assert.rejects(plugin.call("checked", "#{udp: 53}", engine), failing(/unknown variant `udp`/));
  await assert.rejects(
    plugin.call("always", "", engine),
    failing(/Syntax error: invalid type: unit variant, expected newtype variant/),
  );
  await assert.rejects(plugin.call("unnamed", "", engine), failing(/create_job failed: empty job name is not allowed/));
  assert.equal(
    await plugin.call("info", "", engine),
    '{"exit_code":null,"logs":[],"progress":null,"restart_count":2,"stage":null,"status":{"pending":{"waiting_for":["x"]}},"status_name":"pending",' +
      '"timestamp":{"nanos_since_epoch":0,"secs_since_epoch":5},"timestamp_secs":5,"upgrade_blocking":true}',
  );
  assert.equal(await plugin.call("status", "", engine), "x");
});

test("everything about jobs that a script can ask for reaches the host, also both forms of start_job", async () => {
  const seen: unknown[] = [];
  const note =
    (name: string) =>
    async (...args: unknown[]) =>
      void seen.push([name, args[0]]);
  const timestamp = { secs_since_epoch: 5, nanos_since_epoch: 0 };
  const overrides = {
    createJob: note("create"),
    startJob: note("start"),
    stopJob: note("stop"),
    stopAllJobs: async () => void seen.push(["stop all"]),
    cleanupJob: note("cleanup"),
    getJobs: async () => ({
      b: { status: "running", timestamp },
      a: { status: { finished: { exit_code: 3, message: "m" } }, timestamp },
    }),
  };
  const script = `fn f() {
      let config = #{job_type: #{run_sh: "x"}, restart: "never"};
      create_job("one", config); start_job("one"); start_job("two", config);
      stop_job("one "); stop_all_jobs(); cleanup_job(" download");
      let jobs = get_jobs();
      jobs.a.status_name + jobs.a.exit_code + jobs.a.timestamp_secs + " " + jobs.b.status + jobs.b.status_name + (jobs.b.exit_code == ())
    }`;
  assert.equal(await call(script, overrides as never), "finished35 runningrunningtrue");
  const expected = ["create one", "start one", "create two", "start two", "stop one", "stop all", "cleanup download"];
  assert.deepEqual(
    seen.map((each) => (each as string[]).join(" ")),
    expected,
  );
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
      save_data("d"); file_write("/x", "hi".to_blob()); file_write("/y", "".to_blob(), 0o600); put_secret("key-one", "s".to_blob()); delete_task("t");
      render_template("/a", "/b", #{p: 'c', q: [1.0]}); render_template("/a", "/b", #{}, 0o600); info("i"); warn("w"); error("e"); debug("q"); print("p");
    }`,
    overrides as never,
  );
  assert.deepEqual(seen, [
    ["save", "d", undefined],
    ["write", "/x", new TextEncoder().encode("hi"), undefined],
    ["write", "/y", new Uint8Array(), 0o600],
    ["put", "key-one", new TextEncoder().encode("s")],
    ["delete", "t"],
    ["render", "/a", "/b", '{"p":"c","q":[1.0]}', undefined],
    ["render", "/a", "/b", "{}", 0o600],
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
  for (const name of ["gone", "two", "own", "upload"]) {
    const script = `fn f() { add_task("t", "@daily", "${name}"); } fn two(a, b) {} private fn own() {}`;
    await assert.rejects(call(script), failing(/add_task: there is no function '\w+' that can be called/));
  }
  const engine = engineWith();
  const plugin = await workers.load({
    "main.rhai": `fn plugin_config() { #{ services: [] } } fn one(a) {}
      fn f() { for name in ["f", "one", "upload"] { add_task(name, "@daily", name); } }`,
  });
  await plugin.call("f", "", engine);
  assert.deepEqual(
    engine.tasks.map(({ fn }) => fn),
    ["f", "one", "upload"],
  );
  const how = "#{ timezone: `UTC`, jitter_secs: 60, timeout_secs: (), catch_up: false }";
  await call(`fn f() { add_task("t", "@daily", "f", "p", ${how}) }`, { tasks: engine.tasks } as never);
  const [task] = engine.tasks.slice(-1);
  assert.deepEqual(task, {
    name: "t",
    schedule: "@daily",
    fn: "f",
    param: "p",
    timezone: "UTC",
    jitter_secs: 60,
    catch_up: false,
  });
  const mars = 'fn f() { add_task("t", "@daily", "f", "", #{ timezone: "Mars" }) }';
  await assert.rejects(call(mars), failing(/'Mars' is no time zone/));
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
