import assert from "node:assert/strict";
import { test } from "node:test";
import { workers } from "../fixtures/run.ts";
import { Coverage, runTests, type TestRequest, type TestResult } from "./index.ts";
import { jsonDifference } from "./json-difference.ts";

const PLUGIN = `
fn plugin_config() {
    #{
        config_files: [#{ template: "/t", destination: "/etc/x", params: #{ name: node_env().node_name } }],
        init: #{
            commands: ["mkdir -p /x"],
            jobs: [#{ name: "keys", run_sh: "keygen " + node_params()["color"] }],
        },
        post_download: [#{ name: "unpack", run_sh: "unpack", restart: #{ on_failure: #{ backoff_timeout_ms: 9000, backoff_base_ms: 1000, max_retries: 2 } } }],
        services: [#{ name: "reth", run_sh: "reth --full" }],
        pre_upload: #{ commands: ["sync"], jobs: [] },
        upload: #{},
        scheduled: [#{ name: "minute", schedule: "0 * * * * *", function: "tick", param: "p" }],
    }
}
fn protocol_status() { #{ state: "broadcasting", health: "healthy" } }
fn height() { parse_hex(run_jrpc(#{ host: "http://localhost:8545", method: "eth_blockNumber", headers: #{ token: "t1" } }).expect(200).result) }
fn tick(param) { save_data(param + system_time()); "" }
fn peers() { run_rest(#{ url: "http://localhost/net/peers" }).expect(200).count }
fn hidden() { try { run_sh("date") } catch { "" } }
fn secret() { try { return get_secret("key").as_string(); } catch (e) { return e; } }
fn notes() { file_read("/notes").as_string() }
fn broken() { nonsense() }
`;

const target = (variant: string) => ({
  image: { version: "1.0.0", protocol: "p", variant },
  params: { color: "blue" },
});

async function run(tests: string, more: Partial<TestRequest> = {}): Promise<readonly TestResult[]> {
  const given = { files: { "main.rhai": PLUGIN }, tests: { "main.test.rhai": tests }, targets: [target("v")] };
  return runTests({ ...given, snapshots: new Map(), workers, ...more });
}

/** `name` → `passed`, or the message and the places of the failure. */
async function outcomes(tests: string, more: Partial<TestRequest> = {}): Promise<Record<string, unknown>> {
  const results = await run(tests, more);
  return Object.fromEntries(
    results.map(({ fn, failure }) => [
      fn,
      failure === undefined
        ? "passed"
        : [
            failure.message,
            ...failure.diagnostics.map(({ file, range }) => `${file}:${range?.start.line}:${range?.start.column}`),
          ],
    ]),
  );
}

test("a command may take its time: the clock goes on, and the script's own limit ends it", async () => {
  const files = {
    "main.rhai": `fn slow() { run_sh("slow", 10).stdout }\nfn quick() { run_sh("slow", 3).stdout }`,
  };
  const tests = `
fn setup() { host.sh("slow", #{ stdout: "ok", delay: 5 }); }
fn test_slow() { let before = clock.now(); assert_eq(plugin.call("slow"), "ok"); assert_eq(clock.now(), before + 5); }
fn test_limit() { let before = clock.now(); assert_throws(|| plugin.call("quick"), "timeout after 3s"); assert_eq(clock.now(), before + 3); }
fn test_wrong() { host.sh("x", #{ delay: "a" }); }
`;
  const { test_wrong: wrong, ...others } = await outcomes(tests, { files });
  assert.deepEqual(others, { test_slow: "passed", test_limit: "passed" });
  assert.match(String((wrong as string[])[0]), /`delay` has to be seconds/);
});

test("commands are run where a test asks for it and it was allowed, unless something else answers", async () => {
  const files = { "main.rhai": 'fn f() { run_sh("date").stdout }\nfn g() { run_sh("rm x", 2).stdout }' };
  const tests = `
fn test_all() { host.sh_real(true); assert_eq(plugin.call("f"), "ran date"); host.sh("date", "said"); assert_eq(plugin.call("f"), "said"); }
fn test_some() { host.sh_real(starts_with("da")); assert_eq(plugin.call("f"), "ran date"); plugin.call("g"); }
fn test_late() { host.sh_real("rm x"); plugin.call("g"); }
fn test_none() { host.sh_real(true); host.sh_real(false); plugin.call("f"); }
`;
  let open = 0;
  const realShell = async () => {
    open += 1;
    const answer = { exitCode: 0, stdout: "ran date", stderr: "" };
    return { run: async (body: string) => (body === "date" ? answer : undefined), close: async () => void (open -= 1) };
  };
  const late = "timeout after 2s: the script and everything it started was killed";
  assert.deepEqual(await outcomes(tests, { files, realShell }), {
    test_all: "passed",
    test_some: ['run_sh: nothing answers "rm x"', "main.rhai:2:10", "tests/main.test.rhai:3:99"],
    test_late: [
      `Rhai function 'g' returned error: Runtime error: ${late} (line 2, position 10)`,
      "main.rhai:2:10",
      "tests/main.test.rhai:4:47",
    ],
    test_none: ['run_sh: nothing answers "date"', "main.rhai:1:10", "tests/main.test.rhai:5:66"],
  });
  assert.equal(open, 0);
  const [first] = Object.values(await outcomes(tests, { files })) as string[][];
  assert.equal(first?.[0], "host.sh_real: commands of the plugin are run only with --sh-real");
});

test("everything that a test can say about its node is what the plugin finds", async () => {
  const files = {
    "main.rhai": `
fn plugin_config() {
    #{
        services: [
            #{ name: "a", run_sh: "a", store_key: "key-a", data_dir: "a" },
            #{ name: "b", run_sh: "b", store_key: "key-b", data_dir: "b" },
        ],
        scheduled: [#{ name: "hourly", schedule: "0 0 * * * *", function: "tick", param: "p" }],
    }
}
fn tick(param) { info("ticked " + param); "" }
fn color() { node_params()["color"] + node_params()["size"] }
fn archived() { \`\${has_protocol_archive("key-a")} \${has_protocol_archive("key-b")}\` }
fn sent() { run_graphql(#{ url: "http://h/v1/graph", query: "{ x }", headers: #{ Token: "t" } }).expect(200).x }
fn block(tag) { run_jrpc(#{ host: "http://h", method: "eth_get", params: [tag, true] }).expect(200).result }
fn date() { run_sh("date +%s").unwrap() }
fn pick() { create_job("loop", #{ job_type: #{ run_sh: "x" }, restart: "never" }); start_job("loop"); "" }
`,
  };
  const tests = `
fn test_node() {
    host.params(#{ color: "red", size: "xl" });
    assert_eq(plugin.call("color"), "redxl");
    host.archives(#{ "key-b": true });
    assert_eq(plugin.call("archived"), "false true");
    assert(plugin.capabilities().contains("sent"));
}
fn test_world() {
    host.rest("http://*/graph*", 200, #{ x: 1 }, #{ headers: #{ token: starts_with("t") } });
    assert_eq(plugin.call("sent"), "1");
    host.rest_fail("http://h/*", "connection refused");
    assert_throws(|| plugin.call("sent"), "connection refused");
    host.jrpc("eth_get", #{ result: "new" }, #{ params: ["latest", true] });
    host.jrpc("eth_get", #{ result: "old" }, #{ params: ["earliest", true] });
    assert_eq(plugin.call("block", "latest") + plugin.call("block", "earliest"), "newold");
    host.jrpc_status("eth_get", 503);
    assert_throws(|| plugin.call("block", "latest"), "unexpected status_code: 503");
    host.sh("date +%s", "1");
    host.sh_fail(starts_with("date"), "broken pipe");
    assert_throws(|| plugin.call("date"), "broken pipe");
}
fn test_jobs() {
    plugin.call("pick");
    jobs.tick();
    assert_eq(jobs.config("loop").restart, "never");
    assert_eq(jobs.state("loop"), "running");
    plugin.init();
    assert_eq(tasks.list().map(|t| t.name + t.function + t.param), ["hourlytickp"]);
    clock.set("2026-01-01T02:30:00Z");
    assert_eq(tasks.fired().map(|t| t.at), ["2026-01-01T01:00:00.000Z", "2026-01-01T02:00:00.000Z"]);
    assert_eq(host.log().map(|l| l.level + " " + l.message), ["info ticked p", "info ticked p"]);
}
`;
  assert.deepEqual(await outcomes(tests, { files }), {
    test_node: "passed",
    test_world: "passed",
    test_jobs: "passed",
  });
});

test("templates are rendered as on a node: those of the image, and those that a test writes; what they lack fails", async () => {
  const templates = {
    complete: false,
    read: async (paths: readonly string[]) =>
      new Map(
        paths.filter((path) => path === "/t").map((path) => [path, { file: "conf/t", text: "<{{ name | upper }}>" }]),
      ),
  };
  const found = await outcomes(
    `
fn setup() { host.sh("mkdir -p /x", ""); }
fn test_text() {
    plugin.init();
    let made = host.rendered("/etc/x");
    assert_eq(made, #{ template: "/t", params: #{ name: "node_name" }, text: "<NODE_NAME>" });
    assert_eq(host.read("/etc/x"), "<NODE_NAME>");
}
fn test_own() { host.template("/t", "{{ name }}{{ get_env(name='NODE_VARIANT') }}{{ get_env(name='BV_PROP_COLOR') }}"); plugin.init(); assert_eq(host.read("/etc/x"), "node_namevblue"); }
fn test_lacks() { host.template("/t", "{{ nome }}"); assert_throws(|| plugin.init(), "variable 'nome' is not defined"); }
fn test_fails() { host.template("/t", "{{ nome"); plugin.init(); }
fn test_elsewhere() { host.file("/etc/x", "old"); host.template("/other", ""); plugin.init(); assert_eq(host.read("/etc/x"), "<NODE_NAME>"); }
`,
    { templates },
  );
  const { test_fails: failure, ...others } = found;
  assert.deepEqual(others, { test_text: "passed", test_own: "passed", test_lacks: "passed", test_elsewhere: "passed" });
  assert.match(String((failure as string[])[0]), /failed to render template file with: \/t:1:1: never closed/);
  const broken = { ...templates, read: async () => new Map([["/t", { file: "conf/t", text: "{{ nome }}" }]]) };
  const results = await run("", { templates: broken, builtIn: true, chosen: (name) => name.endsWith("init again") });
  assert.deepEqual(
    results.map(({ fn, failure }) => [fn, /conf\/t:1:4: variable 'nome' is not defined/.test(failure?.message ?? "")]),
    [["init again", true]],
  );
});

test("a plugin hears of jobs what it would hear in a node", async () => {
  const main = `
fn init() {
    let sh = #{ run_sh: "x" };
    create_job("once", #{ job_type: sh, restart: "never" });
    create_job("always", #{ job_type: sh, restart: #{ always: #{ backoff_timeout_ms: 1, backoff_base_ms: 1 } } });
    create_job("stubborn", #{ job_type: sh, restart: #{ on_failure: #{ backoff_timeout_ms: 1, backoff_base_ms: 1 } } });
    create_job("after", #{ job_type: sh, restart: "never", needs: ["once"] });
    for name in ["once", "after"] { start_job(name); }
}
fn blocking() { get_jobs().keys().filter(|name| get_jobs()[name].upgrade_blocking).reduce(|all, name| all + " " + name, "") }
fn message(name) { job_info(name).status.finished.message }`;
  const tests = `
fn test_jobs() {
    plugin.init();
    assert_eq(plugin.call("blocking"), " after once");
    jobs.fail("once", 134);
    assert_eq(plugin.call("blocking"), " after once");
    assert_eq(plugin.call("message", "once"), "Job 'once' exited with code 134 (128 + SIGABRT)");
    assert_eq(plugin.call("message", "after"), "job 'after' needs 'once', but it failed with 134 - Job 'once' exited with code 134 (128 + SIGABRT)");
}`;
  assert.deepEqual(await outcomes(tests, { files: { "main.rhai": main } }), { test_jobs: "passed" });
});

test("a test drives the plugin; jobs follow the rules of the agent, the clock runs tasks", async () => {
  const found = await outcomes(`
fn setup() { host.sh("mkdir -p /x", ""); }
fn test_order() {
    plugin.init();
    assert_eq(jobs.states(), #{ keys: "running", download: "pending", unpack: "pending", reth: "pending" });
    assert_eq(plugin.status().state, "initializing");
    jobs.finish("keys");
    assert_eq(plugin.status().state, "downloading");
    jobs.run_to_end();
    assert_eq(jobs.order(), ["keys", "download", "unpack", "reth"]);
    assert_eq(plugin.status(), #{ state: "broadcasting", health: "healthy" });
    assert_job("reth", #{ run_sh: contains("--full"), needs: ["unpack"], job_type: #{ run_sh: "reth --full" } });
    assert_eq(host.rendered("/etc/x"), #{ template: "/t", params: #{ name: "node_name" } });
    assert_calls("run_sh", 1);
    assert_no_call("run_jrpc");
}
fn test_failure_blocks() {
    plugin.init();
    jobs.fail("keys", 3);
    assert_eq(jobs.states(), #{ keys: "finished", download: "finished", unpack: "finished", reth: "finished" });
    assert_eq(plugin.status().state, "failed");
}
fn test_retries() {
    plugin.init();
    jobs.finish("keys");
    jobs.finish("download");
    jobs.crash("unpack", 2);
    assert_eq(clock.now(), 1767225600 + 3);
    assert_eq(jobs.state("unpack"), "running");
    jobs.crash("unpack");
    assert_eq(jobs.state("unpack"), "finished");
    assert_eq(jobs.state("reth"), "finished");
}
fn test_services_come_back() {
    plugin.init();
    jobs.run_to_end();
    jobs.crash("reth", 5);
    assert_eq(jobs.state("reth"), "running");
    host.sh("sync", #{ exit_code: 1, stderr: "no space" });
    assert_throws(|| plugin.upload(), "pre_upload command 'sync' failed with exit_code: 1 - no space");
    assert_eq(jobs.state("reth"), "running");
    host.sh("sync", "");
    plugin.upload();
    assert_eq([jobs.state("upload"), jobs.state("reth")], ["running", "pending"]);
    assert_eq(plugin.status().state, "uploading");
    jobs.fail("upload");
    assert_eq(jobs.state("reth"), "running");
}
fn test_data() {
    host.data_stamp("2026-01-01T00:00:00Z");
    plugin.init();
    assert_no_job("download");
    host.data_stamp(());
    host.archive(false);
    plugin.init();
    assert_no_job("download");
    host.dev(true);
    assert_eq(plugin.config().services[0].name, "reth");
}
fn test_clock() {
    plugin.init();
    clock.advance(121);
    assert_eq(tasks.fired().len(), 2);
    assert_eq(tasks.fired()[1], #{ name: "minute", function: "tick", param: "p", at: "2026-01-01T00:02:00.000Z", result: "" });
    assert_eq(host.data(), "p1767225720");
    host.slot("a", "1");
    assert_eq(host.slot("a"), "1");
    assert_eq(system_time(), 1767225721);
}
fn test_reload() {
    plugin.init();
    jobs.run_to_end();
    plugin.reload(#{ params: #{ color: "red" } });
    assert_job("keys", #{ run_sh: "keygen red" });
}
`);
  assert.deepEqual(found, {
    test_order: "passed",
    test_failure_blocks: "passed",
    test_retries: "passed",
    test_services_come_back: "passed",
    test_data: "passed",
    test_clock: "passed",
    test_reload: "passed",
  });
});

test("the world answers as the test says: sequences, matchers, failures; the newest answer counts", async () => {
  const found = await outcomes(`
fn setup() { host.jrpc("eth_blockNumber", #{ result: "0x1" }); }
fn test_jrpc() {
    assert_eq(plugin.height(), 1);
    host.jrpc(starts_with("eth_"), [#{ result: "0xa1" }, #{ result: "0xa2" }], #{ host: contains("8545"), headers: #{ Token: "t1" } });
    assert_eq([plugin.height(), plugin.height(), plugin.height()], [161, 162, 162]);
    host.jrpc("eth_blockNumber", #{ result: "0x0" }, #{ headers: #{ token: "other" } });
    assert_eq(plugin.height(), 162);
    host.jrpc_status("eth_blockNumber", 500);
    assert_throws(|| plugin.height(), "unexpected status_code: 500");
    host.jrpc_fail("eth_blockNumber", "connection refused");
    assert_throws(|| plugin.height(), "connection refused");
    assert_eq(plugin.capabilities().contains("height"), true);
}
fn test_rest() {
    host.rest("http://localhost/*", 200, #{ count: 7 });
    assert_eq(plugin.call("peers"), "7");
    host.rest("http://localhost/net/peers", [[200, #{ count: 8 }], [503, ""]]);
    assert_eq(plugin.call("peers"), "8");
    assert_throws(|| plugin.call("peers"), "unexpected status_code: 503");
}
fn test_secrets_and_files() {
    host.secret("key", "s3");
    assert_eq(plugin.call("secret"), "s3");
    host.no_secret("key");
    assert_eq(plugin.call("secret"), "not_found");
    host.file("/notes", "text");
    assert_eq(plugin.call("notes"), "text");
    host.no_file("/notes");
    assert_throws(|| plugin.call("notes"), matches("No such file"));
}
`);
  assert.deepEqual(found, { test_jrpc: "passed", test_rest: "passed", test_secrets_and_files: "passed" });
});

test("a call that nothing was said about fails the test at its line, whatever plugin and test catch", async () => {
  const found = await outcomes(`
fn test_hidden() { plugin.call("hidden"); }
fn test_caught() { assert_throws(|| plugin.height()); }
fn test_command() { plugin.init(); }
fn test_secret() { plugin.call("secret"); }
fn test_file() { plugin.call("notes"); }
`);
  assert.deepEqual(found, {
    test_hidden: ['run_sh: nothing answers "date"', "main.rhai:20:21", "tests/main.test.rhai:2:27"],
    test_caught: ['run_jrpc: nothing answers "eth_blockNumber" at http://localhost:8545', "main.rhai:17:25"],
    test_command: ['run_sh: nothing answers "mkdir -p /x"', "main.rhai:6:24", "tests/main.test.rhai:4:28"],
    test_secret: ['get_secret: the test says nothing about "key"', "main.rhai:21:28", "tests/main.test.rhai:5:27"],
    test_file: ['file_read: the test says nothing about "/notes"', "main.rhai:22:14", "tests/main.test.rhai:6:25"],
  });
});

test("what is not as it should be is told with its place: assertions, faults of the plugin, mistakes of the test", async () => {
  const found = await outcomes(`
fn test_values() { assert_eq(#{ a: [1, 2.0], b: () }, #{ a: [1, 3], b: () }); }
fn test_types() { assert_eq("1", 1); }
fn test_keys() { assert_eq(#{ a: 1 }, #{}); }
fn test_condition() { assert(1 > 2, "no more"); }
fn test_nothing_thrown() { assert_throws(|| 1, "x"); }
fn test_other_thrown() { assert_throws(|| throw "y", "x"); }
fn test_plugin() { plugin.call("broken"); }
fn test_job() { assert_job("nothing"); }
fn test_ended() { host.sh(any(), ""); plugin.init(); jobs.finish("reth"); }
fn test_count() { assert_calls("run_sh", 1); }
fn test_key() { host.env(#{ nodename: "x" }); }
fn test_env() { host.env(#{ node_name: 1 }); }
fn test_reload() { plugin.reload(#{ params: #{ color: 1 } }); }
fn test_back() { clock.advance(-1); }
fn test_equal() { assert_ne(1, 1); assert_eq(2, 2.0); }
`);
  const at = (line: number, column: number) => `tests/main.test.rhai:${line}:${column}`;
  const envKeys = "node_id, node_name, node_org_id, node_version, node_protocol, node_variant";
  const key = found["test_key"] as string[];
  assert.match(key[0] ?? "", new RegExp(`^host\\.env: unknown key 'nodename'; there are ${envKeys}`));
  assert.deepEqual(
    { ...found, test_key: key.slice(1) },
    {
      test_values: ["assert_eq: a[1]: expected 3, got 2.0", at(2, 20)],
      test_types: ['assert_eq: expected 1, got "1"', at(3, 19)],
      test_keys: ["assert_eq: a: not expected, but there is 1", at(4, 18)],
      test_condition: ["no more", at(5, 23)],
      test_nothing_thrown: ["assert_throws: nothing was thrown", at(6, 28)],
      test_other_thrown: ['assert_throws: expected contains("x"), but this was thrown: y', at(7, 26)],
      test_plugin: [
        "Rhai function 'broken' returned error: Function not found: nonsense () (line 23, position 15)",
        "main.rhai:23:15",
        at(8, 27),
      ],
      test_job: ["unknown, job 'nothing' not found", at(9, 17)],
      test_ended: ["job 'reth' does not run (waits for 'unpack')", at(10, 59)],
      test_count: ["run_sh was called 0 times, not once", at(11, 19)],
      test_key: [at(12, 22)],
      test_env: ["host.env: 'node_name' has to be a string", at(13, 22)],
      test_reload: ["plugin.reload: 'color' has to be a text", at(14, 27)],
      test_back: ["clock.advance: time does not go back", at(15, 24)],
      test_equal: ["assert_ne: both are 1", at(16, 19)],
    },
  );
});

test("snapshots are kept by test and variant; without --update one that is not kept fails", async () => {
  const snapshots = new Map<string, Map<string, unknown>>();
  const text = `fn test_s() { snapshot("env", #{ color: plugin.config().init.jobs[0].run_sh }); }`;
  const missing = await outcomes(text, { snapshots });
  assert.deepEqual(missing, {
    test_s: ["there is no snapshot 'env' yet; --update writes it", "tests/main.test.rhai:1:15"],
  });
  assert.deepEqual(await outcomes(text, { snapshots, update: true }), { test_s: "passed" });
  assert.deepEqual(snapshots, new Map([["main.test.rhai", new Map([["test_s (v): env", { color: "keygen blue" }]])]]));
  assert.deepEqual(await outcomes(text, { snapshots }), { test_s: "passed" });
  const targets = [{ ...target("v"), params: { color: "red" } }];
  assert.deepEqual(await outcomes(text, { snapshots, targets }), {
    test_s: [`snapshot 'env': color: it was "keygen blue", now it is "keygen red"`, "tests/main.test.rhai:1:15"],
  });
});

test("a snapshot tells the first thing that is otherwise: of all jobs, for example", async () => {
  const snapshots = new Map<string, Map<string, unknown>>();
  const tests = `fn test_s() { host.sh(any(), ""); plugin.init(); snapshot("jobs", jobs.configs()); }`;
  assert.deepEqual(await outcomes(tests, { snapshots, update: true }), { test_s: "passed" });
  assert.deepEqual(await outcomes(tests, { snapshots }), { test_s: "passed" });
  const changed = async (from: string, to: string): Promise<unknown> => {
    const found = await outcomes(tests, { snapshots, files: { "main.rhai": PLUGIN.replace(from, to) } });
    return (found["test_s"] as readonly string[])[0];
  };
  assert.deepEqual(
    [
      await changed("reth --full", "reth"),
      await changed('"unpack"', '"open"'),
      await changed("max_retries: 2", "max_retries: 3"),
      await changed('run_sh: "reth --full"', 'run_sh: "reth --full", shutdown_timeout_secs: 7'),
    ],
    [
      `snapshot 'jobs': reth.job_type.run_sh: it was "reth --full", now it is "reth"`,
      `snapshot 'jobs': reth.needs[0]: it was "unpack", now it is "open"`,
      "snapshot 'jobs': unpack.restart.on_failure.max_retries: it was 2, now it is 3",
      "snapshot 'jobs': reth.shutdown_timeout_secs: it was null, now it is 7",
    ],
  );
});

test("files are for all variants or for some, import what lies beside them, and are told when they do not compile", async () => {
  const tests = {
    "a.test.rhai": `import "words" as words; fn variants() { ["two"] } fn test_a() { assert_eq(words::hello(), "hello"); }`,
    "b.test.rhai": "fn test_b() { assert_eq(plugin.config().services.len(), 1); } fn test_c() {} fn helper_test() {}",
    "c.test.rhai": "fn test_d() {",
    "words.rhai": `fn hello() { "hello" }`,
  };
  const targets = [target("one"), target("two")];
  const results = await run("", { tests, targets, chosen: (name) => !name.endsWith("test_c") });
  assert.deepEqual(
    results.map(({ file, fn, line, variant, failure }) => [file, fn, line, variant, failure?.message]),
    [
      ["a.test.rhai", "test_a", 1, "two", undefined],
      ["b.test.rhai", "test_b", 1, "one", undefined],
      ["b.test.rhai", "test_b", 1, "two", undefined],
      ["c.test.rhai", "", 1, "one", "the file does not compile"],
      ["c.test.rhai", "", 1, "two", "the file does not compile"],
    ],
  );
  await assert.rejects(run("", { files: { "main.rhai": "fn (" } }), { code: "PLUGIN_SYNTAX" });
});

test("coverage tells lines on which statements begin, of all files, whether they ran in a test", async () => {
  const files = {
    "main.rhai": `import "more" as more;
const A =
    1;
fn height() {
    if global::A > 3 {
        return 7;
    }
    more::two()
}
fn protocol_status() {
    throw "x";
}
fn other(x) { x }
`,
    "more.rhai": "fn two() {\n    2\n}\nfn three() { 3 }",
    "unused.rhai": "fn four() { 4 }",
  };
  const coverage = new Coverage();
  const tests = "fn test_a() { assert_eq(plugin.height(), 2); assert_throws(|| plugin.status()); }";
  assert.deepEqual(await outcomes(tests, { files, coverage }), { test_a: "passed" });
  assert.deepEqual(coverage.report(files), [
    { file: "main.rhai", lines: 7, missed: [6, 13] },
    { file: "more.rhai", lines: 2, missed: [4] },
    { file: "unused.rhai", lines: 1, missed: [1] },
  ]);
});

test("a test that never ends, or drives a plugin that does not, is given up with the run", {
  timeout: 20_000,
}, async () => {
  const files = { "main.rhai": "fn endless() { loop { } }" };
  for (const tests of ["fn test_loop() { loop { } }", 'fn test_plugin() { plugin.call("endless"); }']) {
    const giveUp = new AbortController();
    const whole = run(tests, { files, signal: giveUp.signal });
    setImmediate(() => giveUp.abort(new Error("enough")));
    await assert.rejects(whole, { message: "enough" });
  }
});

test("plain data differ where a value, a key or a length does", () => {
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [{ a: [1, { b: null }] }, { a: [1, { b: null }] }],
    [{ a: 1 }, {}],
    [{}, { a: 1 }],
    [[1], [1, 2]],
    [[], {}],
    [null, 0],
  ];
  assert.deepEqual(
    pairs.map(([was, is]) => jsonDifference(was, is)),
    [
      undefined,
      "a: it was 1, now there is none",
      "a: there was none, now it is 1",
      "[1]: there was none, now it is 2",
      "it was [], now it is {}",
      "it was null, now it is 0",
    ],
  );
});
