import assert from "node:assert/strict";
import { test } from "node:test";
import type { RestRequest } from "../engine/port.ts";
import { engineWith, env, workers } from "../fixtures/run.ts";
import type { PluginFiles } from "../plugin.ts";
import { runTests, type TestRequest } from "../testing/index.ts";
import { parseRecording, type Recording, recordingText, recordPlugin } from "./index.ts";

const HIDDEN = "s3cret!of(the'node)*";

const PLUGIN = `
const RPC = "http://127.0.0.1:8545";
fn rpc(method, params) { run_jrpc(#{ host: global::RPC, method: method, params: params }).expect(200).result }
fn protocol_status() { #{ state: if peers() > 0 { "broadcasting" } else { "delinquent" }, health: "healthy" } }
fn height() { parse_hex(rpc("eth_blockNumber", [])) }
fn block_age() { system_time() - parse_hex(rpc("eth_getBlockByNumber", ["latest", false]).timestamp) }
fn consensus() { run_sh("sync-state --quiet", #{ stdin: "x" }).unwrap() == "synced" }
fn login(who) {
    let key = get_secret("api").as_string();
    run_sh("login " + who + " " + shell_quote(key)).unwrap() + run_rest(#{ url: "http://h/of/" + url_encode(key) }).expect(200)[0]
}
fn name() { file_read("/etc/name").as_string() + node_params()["login"] }
fn address() { try { file_read("/nowhere") } catch (e) { return "none: " + e; } }
fn jailed() { throw "not a validator"; }
fn peers() {
    let key = get_secret("api").as_string();
    let twice = run_rest(#{ url: "http://h/peers?n=1&key=" + key, headers: #{ Authorization: "Basic " + base64_encode("u:" + key) } });
    twice.expect(200).len() + job_info("geth").restart_count
}
fn greet(who) { load_data("nobody") + who + run_rest(#{ url: "http://h/twice" }).body + run_rest(#{ url: "http://h/twice" }).body }
`;

const ALSO = [
  { name: "greet", param: "you " },
  { name: "login", param: "me" },
] as const;

const files = { "main.rhai": PLUGIN };

const encoder = new TextEncoder();

/** A node that answers; `asked` are its requests as they were. */
function liveNode(asked: RestRequest[] = []) {
  const blockTime = `0x${(Math.floor(Date.now() / 1000) - 5).toString(16)}`;
  let calls = 0;
  return engineWith({
    nodeEnv: async () => ({ ...env, dev_mode: true, properties: { login: "hunter2hunter2", network: "main" } }),
    nodeParams: async () => ({ login: "hunter2hunter2", network: "main" }),
    runJrpc: async ({ method }) => ({
      statusCode: 200,
      body:
        method === "eth_blockNumber"
          ? '{"jsonrpc":"2.0","id":0,"result":"0xa1"}\n'
          : `{"result":{"number":9223372036854775807,"timestamp":"${blockTime}"}}`,
    }),
    runRest: async (request) => {
      asked.push(request);
      if (request.url.endsWith("twice")) return { statusCode: 200, body: String(++calls) };
      return { statusCode: 200, body: JSON.stringify(["one", `two of ${HIDDEN}`]) };
    },
    runSh: async () => ({ exitCode: 0, stdout: "synced", stderr: `login with ${HIDDEN}` }),
    fileRead: async (path) => {
      if (path === "/nowhere") throw Object.assign(new Error("No such file"), { code: "file_not_found" });
      return encoder.encode("n1 ");
    },
    getSecret: async () => encoder.encode(HIDDEN),
    loadData: async () => "hello ",
  });
}

async function record(): Promise<Recording> {
  const plugin = await workers.load(files);
  const request = { secrets: new Map(), secretParams: ["login"], also: [...ALSO] };
  return parseRecording(recordingText(await recordPlugin(plugin, liveNode(), request)));
}

/** Function → `passed`, or why it did not and where. */
async function replayed(recording: Recording, changed: PluginFiles, tests = "", more: Partial<TestRequest> = {}) {
  const image = { version: "1.0.0", protocol: "p", variant: "v" };
  const results = await runTests({
    files: changed,
    tests: { "main.test.rhai": tests },
    targets: [{ image, params: {} }],
    recordings: { v: recording },
    snapshots: new Map(),
    builtIn: true,
    chosen: (name) => /recorded|test_/.test(name),
    workers,
    ...more,
  });
  return Object.fromEntries(
    results.map(({ fn, failure }) => [
      fn,
      failure === undefined
        ? "passed"
        : [failure.message, ...failure.diagnostics.map(({ file, range }) => `${file}:${range?.start.line}`)].join(" "),
    ]),
  );
}

test("functions are recorded as they were asked and answered, without any secret", async () => {
  const recording = await record();
  const text = recordingText(recording);
  assert.doesNotMatch(text, /s3cret|of[^ ]{1,9}the|hunter2|czNjcmV0/);
  assert.deepEqual(
    { ...recording, env: undefined, functions: undefined },
    {
      v: 1,
      image: { protocol: "p", variant: "v", version: "1.0.0" },
      env: undefined,
      params: { login: "REDACTED_PARAM_login", network: "main" },
      functions: undefined,
    },
  );
  const ended = recording.functions.map(({ function: fn, param, result, error, calls }) => [
    fn,
    ...(param === undefined ? [] : [param]),
    result ?? error?.replace(/ \(line.*/, ""),
    calls.map(({ call }) => call).join(" "),
  ]);
  assert.deepEqual(ended, [
    ["protocol_status", '{"state":"broadcasting","health":"healthy"}', "get_secret run_rest job_info"],
    ["height", "161", "run_jrpc"],
    ["block_age", ended[2]?.[1], "run_jrpc"],
    ["name", "n1 REDACTED_PARAM_login", "file_read"],
    ["address", "none: No such file", "file_read"],
    ["consensus", "true", "run_sh"],
    ["jailed", "Rhai function 'jailed' returned error: Runtime error: not a validator", ""],
    ["greet", "you ", "hello you 12", "load_data run_rest run_rest"],
    ["login", "me", "syncedone", "get_secret run_sh run_rest"],
  ]);
  assert.deepEqual(recording.functions[0]?.calls.slice(0, 2), [
    { call: "get_secret", key: "api", value: "REDACTED_SECRET_api" },
    {
      call: "run_rest",
      method: "GET",
      url: "http://h/peers?n=1&key=***",
      headers: [["Authorization", "***"]],
      status: 200,
      body: ["one", "two of REDACTED_SECRET_api"],
    },
  ]);
  assert.deepEqual(
    recording.functions
      .at(-1)
      ?.calls.map((call) => ("script" in call ? call.script : "url" in call ? call.url : call.call)),
    ["get_secret", "login me 'REDACTED_SECRET_api'", "http://h/of/REDACTED_SECRET_api"],
  );
  assert.deepEqual(recording.functions[1]?.calls, [
    {
      call: "run_jrpc",
      host: "http://127.0.0.1:8545",
      method: "eth_blockNumber",
      params: [],
      status: 200,
      body: { jsonrpc: "2.0", id: 0, result: "0xa1" },
    },
  ]);
  // A number that JavaScript does not have.
  assert.match(text, /"body": "\{\\"result\\":\{\\"number\\":9223372036854775807,/);
  assert.deepEqual(recording.functions[5]?.calls, [
    {
      call: "run_sh",
      script: "sync-state --quiet",
      stdin: "x",
      exit_code: 0,
      stdout: "synced",
      stderr: "login with REDACTED_SECRET_api",
    },
  ]);
});

test("a recording is replayed without a test: the plugin as it was passes, one that asks anything else does not", async () => {
  const recording = await record();
  const edited = (from: string, to: string): PluginFiles => ({ "main.rhai": PLUGIN.replace(from, to) });
  assert.deepEqual(await replayed(recording, files), { "functions as recorded": "passed" });
  const given = {
    image: { version: "1.0.0", protocol: "p", variant: "v" },
    params: {},
    secrets: { api: "of the test" },
  };
  assert.deepEqual(await replayed(recording, files, "", { targets: [given] }), { "functions as recorded": "passed" });
  assert.deepEqual(await replayed(recording, edited('"latest", false', '"latest", true')), {
    "functions as recorded":
      'block_age() as recorded: run_jrpc: nothing answers "eth_getBlockByNumber" at http://127.0.0.1:8545 main.rhai:3',
  });
  assert.deepEqual(await replayed(recording, edited("--quiet", "--loud")), {
    "functions as recorded": 'consensus() as recorded: run_sh: nothing answers "sync-state --loud" main.rhai:7',
  });
  assert.deepEqual(
    await replayed(recording, edited('parse_hex(rpc("eth_blockNumber", []))', 'rpc("eth_blockNumber", [])')),
    {
      "functions as recorded":
        "height() as recorded: Rhai function 'height' returned error: Output type incorrect: string (expecting i64)",
    },
  );
  assert.deepEqual(await replayed(recording, edited("fn greet", "fn greets")), {
    "functions as recorded": "greet() as recorded: no matching method 'greet' found",
  });
});

test("a test replays a recording, wholly or of one function, and says what is otherwise", async () => {
  const found = await replayed(
    await record(),
    files,
    `
fn test_whole() {
    host.replay();
    assert_eq(plugin.height(), 161);
    assert_eq(plugin.status().state, "broadcasting");
    assert_eq(plugin.call("greet", "me "), "hello me 12");
    assert_eq(plugin.call("greet", "me "), "hello me 22");
    assert(parse_int(plugin.call("block_age")) >= 5);
}
fn test_otherwise() {
    host.replay("v");
    host.jrpc("eth_blockNumber", #{ result: "0x1" });
    host.secret("api", "another");
    assert_eq(plugin.height(), 1);
    assert_eq(plugin.status().state, "broadcasting");
    jobs.state("geth");
}
fn test_one() { host.replay("v", "height"); assert_eq(plugin.height(), 161); plugin.call("consensus"); }
fn test_none() { host.replay("w"); }
fn test_no_such() { host.replay("v", "nothing"); }
`,
    { builtIn: false },
  );
  assert.deepEqual(found, {
    test_whole: "passed",
    test_otherwise: "unknown status, job 'geth' not found tests/main.test.rhai:16",
    test_one: 'run_sh: nothing answers "sync-state --quiet" main.rhai:7 tests/main.test.rhai:18',
    test_none: "host.replay: there is no tests/fixtures/w.json; there is v tests/main.test.rhai:19",
    test_no_such: "host.replay: tests/fixtures/v.json has no nothing() tests/main.test.rhai:20",
  });
});

test("what a recording cannot hold is left out and said: too much, and secrets in what is no text", async () => {
  const plugin = await workers.load({
    "main.rhai": `
fn height() { file_read("/large"); 1 }
fn block_age() { file_read("/binary"); 2 }
fn name() { for i in 0..1001 { job_info("x"); } "n" }
fn consensus() { file_read("/small").len() == 3 }
`,
  });
  const key = Uint8Array.of(255, 1, 2);
  const engine = engineWith({
    fileRead: async (path) => {
      if (path === "/large") return new Uint8Array(300_000);
      return path === "/binary" ? Uint8Array.of(0, ...key, 254) : Uint8Array.of(255, 254, 253);
    },
  });
  const recording = await recordPlugin(plugin, engine, { secrets: new Map([["k", key]]), secretParams: [] });
  assert.deepEqual(
    recording.functions.map(({ at, ...rest }) => rest),
    [
      { function: "height", result: "1", left_out: "file_read: its answer is too large to be recorded", calls: [] },
      {
        function: "block_age",
        result: "2",
        left_out: "it read a file that is no text, with a secret in it",
        calls: [],
      },
      { function: "name", result: "n", left_out: "there are more than 1000 calls", calls: [] },
      { function: "consensus", result: "true", calls: [{ call: "file_read", path: "/small", base64: "//79" }] },
    ],
  );
  assert.deepEqual(await replayed(recording, { "main.rhai": 'fn consensus() { file_read("/small").len() == 3 }' }), {
    "functions as recorded": "passed",
  });
});

test("a file that is no recording is told what is wrong", () => {
  const wrong = (document: unknown): string => {
    try {
      parseRecording(JSON.stringify(document));
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const good = { v: 1, image: {}, env: {}, params: {}, functions: [] };
  const fn = { function: "f", at: "2026-01-01T00:00:00Z", calls: [] };
  assert.deepEqual(
    [
      good,
      [],
      { ...good, v: 2 },
      { ...good, env: 1 },
      { ...good, functions: [{}] },
      { ...good, functions: [{ ...fn, at: "now" }] },
      { ...good, functions: [{ ...fn, calls: [{ call: "rm" }] }] },
      { ...good, functions: [{ ...fn, calls: [{ call: "run_sh", script: "x", stdout: 1 }] }] },
      { ...good, functions: [{ ...fn, calls: [{ call: "run_sh", script: "x", error: "timeout" }] }] },
    ].map(wrong),
    [
      "",
      "it is no recording",
      "it is of version 2, and only 1 is known",
      "env: it has to be an object",
      "functions[0]: it has no calls",
      "functions[0].at: it has to be a time",
      "functions[0].calls[0]: there is no such call",
      "functions[0].calls[0].exit_code: it has to be a number",
      "",
    ],
  );
});
