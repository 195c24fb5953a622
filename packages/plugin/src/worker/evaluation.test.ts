import assert from "node:assert/strict";
import { test } from "node:test";
import { call, engineWith, env, failing, workers } from "../fixtures/run.ts";
import { type PluginEngine, PluginError } from "../index.ts";

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
    ['parse_json_or("{", 5) + parse_json_or("{\\"a\\": 2}", ()).a', "7"],
    ['url_encode("a b/ü\'")', "a%20b%2F%C3%BC%27"],
    ['url_decode("a%20b%2F%C3%BC+")', "a b/ü+"],
    ['base64_encode("ü?>") + base64_encode("x".to_blob())', "w7w/Pg==eA=="],
    ['base64_decode("w7w_Pg").as_string() + base64_decode("eA==").as_string()', "ü?>x"],
    ['sha256("abc")', "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ['sha256("abc".to_blob()) == sha256("abc")', "true"],
    ['has_protocol_archive() && has_protocol_archive("el-v1")', "true"],
    ["protocol_data_stamp() == ()", "true"],
    ["load_data(#{n: 1}).n", "1"],
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

test("what cannot be decoded is an error that scripts catch", async () => {
  for (const bad of ['url_decode("%")', 'base64_decode("a")', 'base64_decode("a b=")']) {
    assert.match(
      await call(`fn f() { try { ${bad}; } catch (e) { return e; } }`),
      /^invalid (percent-encoding|base64)$/,
    );
  }
});

test("a failure of the host is caught as its text, and has the host's code", async () => {
  const failingWith = (code: unknown) => async () => {
    throw Object.assign(new Error("unknown status, job 'x' not found"), { code });
  };
  const run = (body: string, code: unknown = "job_not_found") =>
    call(`fn f() { try { job_info("x"); } catch (e) { ${body} } }`, { jobInfo: failingWith(code) });
  assert.equal(await run("return error_code(e);"), "job_not_found");
  assert.equal(
    await run("return `${type_of(e)} ${e.contains(\"'x'\")} ${e == \"unknown status, job 'x' not found\"}`;"),
    "string true true",
  );
  assert.equal(
    await run('return e.error_code() + [error_code(e + "!"), error_code(()), error_code(#{})];'),
    "job_not_found[(), (), ()]",
  );
  for (const code of ["ENOENT", 7, null, "a b"])
    assert.equal(await run("return error_code(e) ?? `none`;", code), "none");
  assert.equal(
    await call('fn f() { error_code("unknown status, job \'x\' not found") ?? "another call" }'),
    "another call",
  );
});

test("plugin data: a MAP is saved as JSON and comes back as one; a default stands for what was not saved", async () => {
  let saved: string | undefined;
  const data = { saveData: async (text: string) => void (saved = text), loadData: async () => saved };
  const run = (body: string) => call(`fn f() { ${body} }`, data);
  assert.equal(await run('load_data("none") + load_data(#{n: 1}).n'), "none1");
  assert.equal(await run("save_data(#{n: 2.0, big: 9007199254740993}); load_data(#{}).big"), "9007199254740993");
  assert.equal(saved, '{"big":9007199254740993,"n":2.0}');
  assert.equal(await run('save_data("plain"); load_data("") + load_data() + load_data(#{n: 3}).n'), "plainplain3");
});

test("plugin data: slots, each with its own data; a swap saves where nothing else was saved meanwhile", async () => {
  const slots = new Map<string | undefined, string>();
  const data: Partial<PluginEngine> = {
    saveData: async (text, slot) => void slots.set(slot, text),
    loadData: async (slot) => slots.get(slot),
    swapData: async (slot, expected, text) => slots.get(slot) === expected && slots.set(slot, text).size > 0,
  };
  const run = (body: string) => call(`fn f() { ${body} }`, data);
  assert.equal(
    await run('save_data("a", "1"); save_data("b", #{n: 2}); load_data("a", "") + load_data("b", #{}).n'),
    "12",
  );
  assert.equal(await run('swap_data("c", (), #{y: 1, x: 2}).to_string() + swap_data("c", (), "again")'), "truefalse");
  assert.equal(await run('swap_data("c", #{x: 2, y: 1}, "next").to_string() + load_data("c", "")'), "truenext");
  assert.match(
    await run('let m = ""; try { swap_data("c", 1, ""); } catch (e) { m = e.message; } m'),
    /i64 \(expecting string or map\)/,
  );
  assert.deepEqual([...slots.keys()], ["a", "b", "c"]);
});

test("the stamp of the protocol data is in seconds", async () => {
  assert.equal(await call("fn f() { protocol_data_stamp() }", { protocolDataStamp: async () => new Date(5_900) }), "5");
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
