import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readFixture } from "../fixtures/read-fixture.ts";
import { lintPlugin, PluginWorkers } from "../index.ts";
import { SECTIONS } from "../reference/functions.ts";
import { RESULTS_OF_PLATFORM } from "./result-type.ts";

const workers = new PluginWorkers({ size: 1 });
after(() => workers.close());

const STATUS = 'fn protocol_status() { #{ state: "s", health: "healthy" } }';
const SERVICE = '#{ name: "s", run_sh: "x" }';

async function lint(
  files: Record<string, string> | string,
  properties: readonly string[] = [],
  variant = "v",
): Promise<string[]> {
  const findings = await lintPlugin({
    files: typeof files === "string" ? { "main.rhai": files } : files,
    image: { version: "1.0.0", protocol: "p", variant },
    params: Object.fromEntries(properties.map((key) => [key, "1"])),
    properties,
    workers,
  });
  return findings.map(({ severity, code, file, range, message }) =>
    `${severity} ${code} ${file ?? ""}${range ? `:${range.start.line}:${range.start.column}` : ""} ${message}`.replace(
      / +/g,
      " ",
    ),
  );
}

const config = (body: string, more = STATUS) => `fn plugin_config() { #{ ${body} } }\n${more}`;

test("plugins in the style of the corpus have no errors, in every variant", async () => {
  for (const variant of ["lagoon-mainnet-full", "lagoon-mainnet-archive", "lagoon-sepolia-full"]) {
    assert.deepEqual(
      (await lint(readFixture("lagoon"), [], variant)).filter((line) => !line.startsWith("warning NIB513")),
      [
        "warning NIB506 main.rhai:109:27 plugin_config scheduled[0].function: function 'clear_log' ignores the task's param",
        "warning NIB518 main.rhai:133:43 the node is healthy whatever happens",
      ],
    );
  }
  for (const variant of ["harbor-mainnet-archive", "harbor-testnet-full"]) {
    assert.deepEqual(await lint(readFixture("harbor"), ["moniker"], variant), [
      "warning NIB505 main.rhai:35:20 plugin_config services[0].needs: unknown key `needs` is ignored",
    ]);
  }
});

test("parameters of the node in what a shell runs: NIB517, unless something was made of them", async () => {
  const found = async (body: string, service = "x") =>
    (
      await lint(
        `fn plugin_config() { #{ services: [#{ name: "s", run_sh: ${service} }] } }\n${STATUS}\nfn f() { ${body} }`,
        ["p"],
      )
    ).filter((line) => line.includes("NIB517"));
  const says = (place: string) =>
    `warning NIB517 main.rhai:${place} a parameter of the node is part of what a shell runs`;
  const good = '"x"';
  const table: [body: string, service: string, ...findings: string[]][] = [
    ['run_sh(`echo ${node_params()["p"]}`);', good, says("3:25")],
    ['run_sh("echo " + (node_env().properties.p ?? "d"));', good, says("3:28")],
    ['let all = node_params(); let p = all.p; run_sh(`echo "${p}"`);', good, says("3:66")],
    ["()", '`serve --name ${node_params()["p"] ?? "n"}`', says("1:74")],
    [
      'run_sh(`echo ${shell_quote(node_params()["p"])} ${sanitize_sh_param(node_params().p)} ${parse_int(node_params().p)}`);',
      good,
    ],
    ["let p = shell_quote(node_params().p); run_sh(`echo ${p}`, #{ env: #{ P: node_params().p } });", good],
    [
      'if node_params().p == "1" { run_sh("echo one") } else { run_sh(if node_params().p == "2" { "a" } else { "b" }) }',
      good,
    ],
    ["// nib:allow shell-injection\n run_sh(node_params().p);", good],
    ["#{ commands: [node_params().p, #{ run: `a ${node_params().p}` }, `b`] }", good, says("3:24"), says("3:54")],
  ];
  for (const [body, service, ...findings] of table) assert.deepEqual(await found(body, service), findings, body);
});

test("findings with their places", async () => {
  const table: [files: string | Record<string, string>, ...findings: string[]][] = [
    [config(`services: [${SERVICE}]`)],
    [config(`services: [${SERVICE}]`, ""), "warning NIB504 main.rhai the plugin has no protocol_status()"],
    ["fn f() {\n let = 1;\n}", "error NIB501 main.rhai:2:6 Expecting name of a variable"],
    [
      { "main.rhai": config(`services: [${SERVICE}]`), "lib/x.rhai": "fn (" },
      "error NIB501 lib/x.rhai:1:4 Expecting function name in function declaration",
    ],
    [
      config("services: []", `${STATUS} fn height() { missing(1) }`),
      "error NIB506 main.rhai:2:75 there is no function 'missing'",
    ],
    [
      config("services: []", `${STATUS} fn helper() { missing(1) }`),
      "warning NIB506 main.rhai:2:75 there is no function 'missing'",
    ],
    [
      config("services: []", `${STATUS} fn height() { run_sh().stdout }`),
      "error NIB506 main.rhai:2:75 function 'run_sh' takes 1 or 2 arguments, not 0",
    ],
    [
      config("services: []", `${STATUS} const A = 1; fn height() { A }`),
      "warning NIB513 main.rhai:2:67 const 'A' is never used",
      "error NIB511 main.rhai:2:88 variable 'A' is not defined",
    ],
    [
      config("services: []", `${STATUS} fn height() { global::B }`),
      "error NIB511 main.rhai:2:75 there is no global constant 'B'",
    ],
    [
      `import "nope" as nope;\n${config("services: []")}`,
      "error NIB512 main.rhai:1:8 there is no module 'nope'",
      "warning NIB513 main.rhai:1:18 module 'nope' is never used",
    ],
    [
      config('services: [#{ name: "s", run_sh: "x" + node_params()["k"] }]'),
      "warning NIB517 main.rhai:1:64 a parameter of the node is part of what a shell runs",
      "error NIB502 main.rhai:1:78 'k' not defined in babel.yaml",
    ],
    [
      config(
        "services: []",
        `${STATUS} fn height() { let p = node_params(); p.a + p["b"].len() + node_env().properties.c }`,
      ),
      "error NIB502 main.rhai:2:100 'a' not defined in babel.yaml",
      "error NIB502 main.rhai:2:106 'b' not defined in babel.yaml",
      "error NIB502 main.rhai:2:141 'c' not defined in babel.yaml",
    ],
    [
      config('services: [#{ name: "s" }]'),
      "error NIB505 main.rhai:1:36 plugin_config services[0].run_sh: missing field `run_sh`",
    ],
    [
      config('services: [#{ name: "s", run_sh: 5 }]'),
      "error NIB505 main.rhai:1:58 plugin_config services[0].run_sh: Output type incorrect: i64 (expecting String)",
    ],
    [
      config(`services: [${SERVICE}], servces: 1`),
      "warning NIB505 main.rhai:1:75 plugin_config servces: unknown key `servces` is ignored",
    ],
    [
      config(`services: [${SERVICE}, ${SERVICE}]`),
      "error NIB509 main.rhai:1:74 plugin_config services[1].name: Services names are not unique",
    ],
    [
      config('services: [], scheduled: [#{ name: "t", schedule: "61 * * * * *", function: "protocol_statu" }]'),
      "error NIB507 main.rhai:1:75 plugin_config scheduled[0].schedule: schedule '61 * * * * *': Seconds must be less than 59. ('61' specified.)",
      "error NIB506 main.rhai:1:101 plugin_config scheduled[0].function: there is no function 'protocol_statu'",
    ],
    [
      config('services: [], init: #{ commands: [], jobs: [#{ name: "a", run_sh: "x", needs: ["b"] }] }'),
      "error NIB508 main.rhai after init, job 'a' would never start: it waits for 'b'",
      "error NIB508 main.rhai:1:104 plugin_config init.jobs[0].needs[0]: job 'a' needs 'b', but there is no such job",
    ],
    [
      config("services: []", 'fn protocol_status() { #{ state: "s", health: "Healthy" } }'),
      "error NIB514 main.rhai:2:47 this is not a health",
    ],
    [
      config("services: []", 'fn protocol_status() { #{ health: "healthy" } }'),
      "error NIB514 main.rhai:2:24 this status has no `state`",
    ],
    [`fn init() { }\n${STATUS}`, "warning NIB516 main.rhai Deprecated API used: missing plugin_config function"],
    [
      config("services: []", `const T = #{ a: 1 };\nconst V = T[node_env().node_variant];\n${STATUS}`),
      "warning NIB513 main.rhai:3:7 const 'V' is never used",
      "warning NIB302 main.rhai:3:13 the table has no entry for variant 'v'",
    ],
    [config("services: 1 / 0"), "error NIB510 main.rhai:1:37 Division by zero: 1 / 0"],
    [
      config("services: [].x"),
      "error NIB510 main.rhai:1:38 Unknown property 'x' - a getter is not registered for type 'array'",
    ],
  ];
  for (const [files, ...findings] of table) assert.deepEqual(await lint(files), findings);
});

test("what works and is probably not meant: NIB518 to NIB521", async () => {
  const state = (health: string) => `#{ state: "s", health: ${health} }`;
  const statusOf = (one: string, other: string) =>
    `fn protocol_status() { if node_env().dev_mode { ${state(one)} } else { ${state(other)} } }`;
  const table: [script: string, ...findings: string[]][] = [
    [statusOf('"healthy"', '"healthy"'), "warning NIB518 main.rhai:2:72 the node is healthy whatever happens"],
    [statusOf('"healthy"', '"unhealthy"')],
    [statusOf('"healthy"', "node_env().node_name")],
    [
      `const T = get_secret("some-key");\n${STATUS} fn t() { run_sh("x"); global::T }`,
      "warning NIB519 main.rhai:2:11 get_secret at the top level runs with every call of the plugin, each poll of its metrics too",
    ],
    [
      `${STATUS} fn f() { get_secret("Some_Key"); get_secret("some-key"); put_secret(node_env().node_id, "".to_blob()) }`,
      'warning NIB520 main.rhai:2:81 the control plane takes no secret with the key "Some_Key"',
    ],
    [
      `${STATUS} fn f() { try { 5 } catch { 6 } }`,
      "warning NIB521 main.rhai:2:76 a `try` has no value: the function returns `()`, not this",
    ],
    [`${STATUS} fn f() { try { info("x") } catch { return 6; } }`],
    [`// nib:allow try-value\n${STATUS} fn f() { try { 5 } catch { 6 } }`],
  ];
  for (const [script, ...findings] of table) assert.deepEqual(await lint(config("services: []", script)), findings);
});

test("results that the platform cannot read: NIB524, where that is certain", async () => {
  const wants = (fn: string, asked: string, known: string, column: number) =>
    `error NIB524 main.rhai:2:${column} ${fn}() has to give ${asked}, and this is ${known}`;
  const table: [fn: string, ...findings: string[]][] = [
    ['fn height() { "12" }', wants("height", "an INT", "STRING", 75)],
    ["fn height() { if node_env().dev_mode { return (); } 5 }", wants("height", "an INT", "()", 107)],
    ['fn height() { run_jrpc(#{ host: "h", method: "m" }) }', wants("height", "an INT", "response", 75)],
    [
      "fn consensus() { switch node_env().node_id { 1 => true, 2 => { 1.5 } _ => [] } }",
      wants("consensus", "true or false", "FLOAT", 124),
      wants("consensus", "true or false", "ARRAY", 135),
    ],
    [
      'fn address() { if node_env().dev_mode { run_sh("x") } else { file_read("/x") } }',
      wants("address", "a STRING", "result", 101),
      wants("address", "a STRING", "BLOB", 122),
    ],
    ['fn height() { let f = || { return "x"; }; f.call() }'],
    [
      'fn height() { parse_hex("0x1") } fn apr() { "1.5" } fn jailed() { `true` } fn name() { 5 } fn block_age() { 1.0 }',
    ],
    ["// nib:allow result-type\nfn height() { true }"],
  ];
  for (const [fn, ...findings] of table)
    assert.deepEqual(await lint(config("services: []", `${STATUS} ${fn}`)), findings, fn);
  assert.deepEqual(await lint(config("services: []", "fn protocol_status() { [] }")), [
    "error NIB524 main.rhai:2:24 protocol_status() has to give a MAP with state and health, and this is ARRAY",
  ]);
});

test("what the linter takes functions of the platform to give is what their reference says", () => {
  const forms = SECTIONS.flatMap(({ functions }) => functions).flatMap((fn) => fn.forms);
  for (const [name, known] of Object.entries(RESULTS_OF_PLATFORM)) {
    const said = forms.filter((form) => form.startsWith(`${name}(`)).map((form) => form.split(" -> ")[1]);
    assert.deepEqual([...new Set(said)], [known === "bool" ? "BOOL" : known], name);
  }
});

test("tables of variants, both ways: NIB302, NIB525", async () => {
  const findings = await lintPlugin({
    files: {
      "main.rhai": `const T = #{ a: 1, old: 2 };\n${config("services: [], a: T[node_env().node_variant]")}`,
    },
    image: { version: "1.0.0", protocol: "p", variant: "b" },
    variants: ["a", "b"],
    params: {},
    properties: [],
    workers,
  });
  assert.deepEqual(
    findings
      .filter(({ code }) => code === "NIB302" || code === "NIB525")
      .map(({ code, message, range }) => [code, message, range?.start]),
    [
      ["NIB525", "babel.yaml has no variant 'old'", { line: 1, column: 20 }],
      ["NIB302", "the table has no entry for variant 'b'", { line: 2, column: 44 }],
    ],
  );
});

test("values of properties other than the defaults are tried, and only what they change is told", async () => {
  const service =
    '#{ name: if node_params()["m"] == "x" { "bad name" } else { "s" },\n run_sh: 5 + parse_int(node_params()["n"]) + "" }';
  const findings = await lintPlugin({
    files: { "main.rhai": config(`services: [${service}], unknown: 1`) },
    image: { version: "1.0.0", protocol: "p", variant: "v" },
    params: { m: "a", n: "1" },
    properties: ["m", "n"],
    alternatives: [
      { key: "m", value: "b" },
      { key: "m", value: "x" },
      { key: "n", value: "no" },
    ],
    workers,
  });
  assert.deepEqual(
    findings.map(({ code, message }) => `${code} ${message.slice(0, 60)}`),
    [
      'NIB505 with m = "x": plugin_config services[0].name: job name "bad ',
      "NIB510 with n = \"no\": Error parsing integer number 'no': invalid di",
      "NIB505 plugin_config unknown: unknown key `unknown` is ignored",
    ],
  );
});

test("unused properties, and comments that allow a finding", async () => {
  const uses = (body: string) => config("services: []", `${STATUS} fn height() { ${body} }`);
  assert.deepEqual(await lint(uses("1"), ["k"]), [
    "warning NIB503 property 'k' of babel.yaml is never read by the plugin",
  ]);
  assert.deepEqual(await lint(uses('node_params()["k"]'), ["k"]), []);
  assert.deepEqual(await lint(uses("node_params().keys()"), ["k"]), []);
  const allowed = config("services: []", `// nib:allow undefined-fn\nfn height() { missing() }\n${STATUS}`);
  assert.deepEqual(await lint(allowed), []);
});

test("a script that hangs is a finding", async () => {
  const files = { "main.rhai": "loop { }\nfn plugin_config() { #{ services: [] } }" };
  const findings = await lintPlugin({
    files,
    image: { version: "1", protocol: "p", variant: "v" },
    params: {},
    properties: [],
    workers,
    timeoutMs: 200,
  });
  assert.ok(
    findings.some(
      (finding) => finding.code === "NIB510" && finding.message === "'plugin_config' did not finish within 0.2 s",
    ),
  );
});
