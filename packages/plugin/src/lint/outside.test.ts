import assert from "node:assert/strict";
import { after, test } from "node:test";
import { lintPlugin, PluginWorkers, type TemplateSource } from "../index.ts";

const workers = new PluginWorkers({ size: 1 });
after(() => workers.close());

const STATUS = 'fn protocol_status() { #{ state: "s", health: "healthy" } }';

function templatesOf(files: Readonly<Record<string, string>>, complete = true): TemplateSource {
  return {
    complete,
    read: async (paths) =>
      new Map(
        paths.flatMap((path) => {
          const text = files[path];
          return text === undefined ? [] : [[path, { file: `image:${path}`, text }] as const];
        }),
      ),
  };
}

async function lint(main: string, templates?: TemplateSource): Promise<string[]> {
  const findings = await lintPlugin({
    files: { "main.rhai": main },
    image: { version: "1.0.0", protocol: "p", variant: "v" },
    params: { k: "value" },
    properties: [],
    workers,
    ...(templates && { templates }),
  });
  return findings.map(({ severity, code, file, range, message }) =>
    [severity, code, `${file}${range ? `:${range.start.line}:${range.start.column}` : ""}`, message].join(" "),
  );
}

const rendering = (params: string, more = STATUS) => `fn plugin_config() { #{
  config_files: [#{ template: "/t/a", destination: "/etc/a.html", params: ${params} }],
  services: [] } }
${more}`;

test("templates of the config are rendered with what they are given: NIB522, NIB305", async () => {
  const table: [params: string, template: string | undefined, ...findings: string[]][] = [
    ["#{ a: 1, l: [1] }", "{{ a }}{% for x in l %}{{ x }}{% endfor %}{{ get_env(name='NODE_NAME') }}"],
    [
      "#{ a: 1 }",
      "{{ a }}\n{{ b }} {{ c }}",
      "error NIB522 image:/t/a:2:4 variable 'b' is not defined",
      "error NIB522 image:/t/a:2:12 variable 'c' is not defined",
    ],
    ["#{}", "{% if a %}", "error NIB522 image:/t/a:1:1 'if' is never closed, '{% endif %}' is missing"],
    ["#{ a: 1 }", "{{ a | nope }}", "error NIB522 image:/t/a:1:8 there is no filter 'nope'"],
    ["#{}", undefined, "error NIB305 main.rhai:2:31 there is no template /t/a in the image"],
    [
      "#{}",
      "{% include 'b' %}",
      "error NIB305 main.rhai:2:31 there is no template /var/lib/babel/templates/b in the image",
    ],
    ["#{}", "{% include '../b' %}", "error NIB522 image:/t/a:1:1 there is no template '../b'"],
  ];
  for (const [params, template, ...findings] of table) {
    const source = templatesOf(template === undefined ? {} : { "/t/a": template });
    assert.deepEqual(await lint(rendering(params), source), findings, template);
  }
  const included = templatesOf({ "/t/a": "{% include 'b' %}", "/var/lib/babel/templates/b": "{{ x }}" });
  assert.deepEqual(await lint(rendering("#{ x: 1 }"), included), []);
  assert.deepEqual(
    await lint(rendering("#{}"), templatesOf({}, false)),
    [],
    "a working tree does not have all of the image",
  );
  assert.deepEqual(await lint(rendering("#{}")), [], "nobody said where templates are");
});

test("calls of render_template: variables that are not given, faults, templates that are not there", async () => {
  const calls = (body: string) => `fn plugin_config() { #{ services: [] } }\n${STATUS}\nfn f() { ${body} }`;
  const templates = templatesOf({ "/t/a": "{{ a }} {{ b }}", "/t/broken": "{{ a" });
  const table: [body: string, ...findings: string[]][] = [
    ['render_template("/t/a", "/etc/a", #{ a: 1, b: 2 });'],
    ['render_template("/t/a", "/etc/a", #{ a: 1 });', "error NIB522 image:/t/a:1:12 variable 'b' is not given to /t/a"],
    ['render_template("/t/a", "/etc/a", node_params());'],
    [
      'render_template("/t/broken", "/etc/a", node_params());',
      "error NIB522 image:/t/broken:1:1 never closed, '}}' is missing",
    ],
    [
      'render_template("/t/none", "/etc/a", #{});',
      "error NIB305 main.rhai:3:26 there is no template /t/none in the image",
    ],
    ['// nib:allow template\nrender_template("/t/a", "/etc/a", #{ a: 1 });'],
  ];
  for (const [body, ...findings] of table) assert.deepEqual(await lint(calls(body), templates), findings, body);
  const init = `fn init() { let p = #{ a: 1 }; render_template("/t/a", "/etc/a", p); }\n${STATUS}`;
  assert.deepEqual(await lint(init, templates), [
    "error NIB522 image:/t/a:1:12 variable 'b' is not defined",
    "warning NIB516 main.rhai Deprecated API used: missing plugin_config function",
  ]);
});

test("texts for a shell are read by one, and none is run: NIB523", async () => {
  const bad = async (main: string) => {
    const found = await lint(main);
    // What it says is the shell's own.
    return found.map((line) => line.replace(/(NIB523 .* a shell cannot read this): (line \d+: )?.*/, "$1"));
  };
  const config = (body: string, more = "") => `fn plugin_config() { #{ services: [], ${body} } }\n${STATUS}${more}`;
  const says = (place: string) => `warning NIB523 main.rhai:${place} a shell cannot read this`;
  const table: [main: string, ...findings: string[]][] = [
    [config('aux_services: [#{ name: "a", run_sh: "while :; do echo; sleep 1" }]'), says("1:76")],
    [
      config('init: #{ commands: ["echo \'", #{ run: "if x", timeout: 3 }], jobs: [#{ name: "j", run_sh: "(" }] }'),
      says("1:59"),
      says("1:77"),
      says("1:129"),
    ],
    [config('cold_init: #{ run_sh: "for" }, pre_upload: #{ commands: [")"], jobs: [] }'), says("1:61"), says("1:96")],
    [config("", '\nfn height() { run_sh("echo `date"); run_sh(`echo ${1} (`); 1 }'), says("3:22")],
    [config("", '\n// nib:allow shell-syntax\nfn height() { run_sh("done"); 1 }')],
    [
      config(
        "",
        '\nfn height() { run_sh("exit 3; kill -9 $$"); run_sh("x=1; [ $x -gt 0 ] && echo $((x + 1)) || { date; }"); 1 }',
      ),
    ],
    [
      `fn init() { create_job("j", #{ job_type: #{ run_sh: "a | | b" }, restart: "never" }); run_sh("echo " + "\\""); }\n${STATUS}`,
      "warning NIB516 main.rhai Deprecated API used: missing plugin_config function",
      "warning NIB523 main.rhai a shell cannot read this",
      "warning NIB523 main.rhai a shell cannot read this",
    ],
  ];
  for (const [main, ...findings] of table) assert.deepEqual(await bad(main), findings);
});
