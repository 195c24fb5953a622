import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";
import { renderTemplate } from "./render-file.ts";

const run = promisify(execFile);
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "babel-template-"));
  await mkdir(join(folder, "templates"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function rendered(text: string, params: object | string = {}, destination = "out.conf"): Promise<string> {
  const template = join(folder, "in.tera");
  await writeFile(template, text);
  await renderTemplate({
    template,
    destination: join(folder, destination),
    params: typeof params === "string" ? params : JSON.stringify(params),
    templates: join(folder, "templates"),
    env: { HOME: "/root" },
  });
  return readFile(join(folder, destination), "utf8");
}

async function failure(text: string, params: object | string = {}): Promise<string> {
  try {
    await rendered(text, params);
  } catch (error) {
    assert.ok(error instanceof Failure);
    return error.message.replaceAll(folder, "").replace("failed to render template file with: ", "");
  }
  throw new Error(`rendered, but should not: ${text}`);
}

const CASES: readonly (readonly [template: string, params: object | string, expected: string])[] = [
  ["{{ a }}{{ b }}", { a: 1, b: "x" }, "1x"],
  [
    "{{ f }} {{ g }} {{ n }}|{{ t }} {{ l }} {{ o }}",
    { f: 2.5, g: 2.0, n: null, t: true, l: [1, "a"], o: {} },
    "2.5 2 |true [1, a] [object]",
  ],
  [
    "{{ big }} {{ tiny }} {{ huge }}",
    '{"big":9007199254740993,"tiny":1e-7,"huge":1e21}',
    "9007199254740993 0.0000001 1000000000000000000000",
  ],
  ['{{ x | lower | replace(from="-", to="_") }}', { x: "A-B-C" }, "a_b_c"],
  ["{% raw %}{{ not.this }} {% nor this %}{% endraw %}{{ a }}", { a: 1 }, "{{ not.this }} {% nor this %}1"],
  ["a  {%- if true -%}  b  {%- endif -%}  c", {}, "abc"],
  ["a {# no {{ x }} #} b{#- trim -#}  c", {}, "a  bc"],
  ["{% if p %}yes{% elif q %}maybe{% else %}no{% endif %}", { q: 1 }, "maybe"],
  ["{% if nothing.at.all %}yes{% else %}no{% endif %}", {}, "no"],
  ["{% if not nothing and 1 < 2 or false %}yes{% endif %}", {}, "yes"],
  [
    "{% for p in list %}{{ loop.index }}{{ loop.index0 }}{{ p }}{% if not loop.last %},{% endif %}{% endfor %}",
    { list: ["a", "b"] },
    "10a,21b",
  ],
  ["{% for p in [] %}x{% else %}none{% endfor %}", {}, "none"],
  ["{% for k, v in m %}{{ k }}={{ v }};{% endfor %}", { m: { b: 2, a: 1 } }, "a=1;b=2;"],
  ["{% for c in 'añ' %}<{{ c }}>{% endfor %}", {}, "<a><ñ>"],
  [
    "{% for i in range(end=10) %}{% if i == 3 %}{% continue %}{% elif i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    {},
    "01245",
  ],
  ["{% for i in range(start=1, end=8, step_by=3) %}{{ i }}{% endfor %}", {}, "147"],
  ["{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}", {}, "21"],
  ["{% for i in [1] %}{% set_global x = 2 %}{% endfor %}{{ x }}", {}, "2"],
  ["{% filter upper %}a{{ b }}{% endfilter %}", { b: "c" }, "AC"],
  ["{% macro hi(name, mark='!') %}hi {{ name }}{{ mark }}{% endmacro hi %}{{ self::hi(name='you') }}", {}, "hi you!"],
  ["{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 / 2 }} {{ 7 % 4 }} {{ 6 / 2 }} {{ -1 + 3 }}", {}, "7 9 3.5 3 3 2"],
  ["{{ 1.4 + 1.3 | round }} {{ 'a' ~ 1 ~ b | upper }}", { b: "c" }, "3 A1C"],
  [
    "{{ a.b.c }} {{ a['b']['c'] }} {{ l.0 }} {{ l[1].x }} {{ a[k].c }}",
    { a: { b: { c: 5 } }, l: [1, { x: 2 }], k: "b" },
    "5 5 1 2 5",
  ],
  ["{{ nope | default(value='d') }} {{ a.nope | default(value=1) | abs }}", { a: {} }, "d 1"],
  ["{{ 'b' in 'abc' }} {{ 1 in [2] }} {{ 'k' in m }} {{ 1 not in [2] }}", { m: { k: 1 } }, "true false true true"],
  [
    "{{ x is defined }} {{ x is not defined }} {{ 3 is odd }} {{ 4 is divisibleby(2) }} {{ 'ab' is starting_with('a') }}",
    {},
    "false true true true true",
  ],
  [
    "{{ 'ab' is matching('^[a-c]+$') }} {{ [1] is containing(1) }} {{ m is object }} {{ 's' is string }} {{ 1 is number }} {{ [] is iterable }}",
    { m: {} },
    "true true true true true true",
  ],
  [
    "{{ l | sort | join(sep='-') }} {{ l | first }} {{ l | last }} {{ l | nth(n=1) }} {{ l | length }} {{ l | reverse }}",
    { l: [3, 1, 2] },
    "1-2-3 3 2 1 3 [2, 1, 3]",
  ],
  [
    "{{ l | sort(attribute='n') | map(attribute='n') }} {{ l | filter(attribute='k', value='a') | length }}",
    {
      l: [
        { n: 2, k: "a" },
        { n: 1, k: "b" },
      ],
    },
    "[1, 2] 1",
  ],
  [
    "{{ l | group_by(attribute='k') | get(key='a') | length }} {{ l | unique(attribute='k') | length }}",
    { l: [{ k: "a" }, { k: "a" }, { k: "b" }] },
    "2 2",
  ],
  [
    "{{ l | slice(start=1, end=-1) }} {{ l | concat(with=[9]) }} {{ [1, 1, 2] | unique }}",
    { l: [1, 2, 3, 4] },
    "[2, 3] [1, 2, 3, 4, 9] [1, 2]",
  ],
  [
    "{{ 'hello world' | title }} {{ 'aBC' | capitalize }} {{ 'a b  c' | wordcount }} {{ 'abcdef' | truncate(length=3) }}",
    {},
    "Hello World Abc 3 abc…",
  ],
  [
    "[{{ ' a ' | trim }}][{{ ' a ' | trim_start }}][{{ ' a ' | trim_end }}]{{ 'xxaxx' | trim_start_matches(pat='x') }} {{ 'xxaxx' | trim_end_matches(pat='x') }}",
    {},
    "[a][a ][ a]axx xxa",
  ],
  [
    "{{ 'a,b' | split(pat=',') }} {{ '42' | int + 1 }} {{ '0x1f' | int(base=16) }} {{ 'x' | int(default=7) }} {{ '2.5' | float }}",
    {},
    "[a, b] 43 31 7 2.5",
  ],
  [
    "{{ 2.45 | round(method='ceil', precision=1) }} {{ 2.9 | round(method='floor') }} {{ -5 | abs }} dog{{ 2 | pluralize }} dog{{ 1 | pluralize }}",
    {},
    "2.5 2 5 dogs dog",
  ],
  [
    "{{ o | json_encode }} {{ o | json_encode(pretty=true) }}",
    { o: { b: [1], a: null } },
    '{"a":null,"b":[1]} {\n  "a": null,\n  "b": [\n    1\n  ]\n}',
  ],
  [
    "{{ \"it's\" | addslashes }} {{ 1 | as_str ~ 'a' }} {{ 'a\nb' | indent }} {{ 'a\nb' | linebreaksbr }}",
    {},
    "it\\'s 1a a\n    b a<br>b",
  ],
  [
    "{{ '<b>x</b>' | striptags }} {{ '<a> <b>' | spaceless }} {{ '<' | escape }} {{ \"'\" | escape_xml }}",
    {},
    "x <a><b> &lt; &apos;",
  ],
  ["{{ get_env(name='HOME') }} {{ get_env(name='NOPE', default='d') }}", {}, "/root d"],
  ["{{ __proto__ | default(value='safe') }} {{ o.constructor | default(value='safe') }}", { o: {} }, "safe safe"],
  ["a { b } {c} $(d)", {}, "a { b } {c} $(d)"],
];

test("templates render as Tera does (T-13)", async (t) => {
  for (const [template, params, expected] of CASES) {
    await t.test(template, async () => assert.equal(await rendered(template, params), expected));
  }
});

test("HTML is escaped for html, htm and xml destinations, and nowhere else", async () => {
  const text = "{{ x }} {{ x | safe }} {{ x | upper }}";
  const params = { x: "<a/'\">&" };
  for (const name of ["o.html", "o.htm", "o.xml"]) {
    assert.equal(
      await rendered(text, params, name),
      "&lt;a&#x2F;&#x27;&quot;&gt;&amp; <a/'\">& &lt;A&#x2F;&#x27;&quot;&gt;&amp;",
    );
  }
  assert.equal(await rendered(text, params, "o.json"), "<a/'\">& <a/'\">& <A/'\">&");
});

test("include, import and extends look below the template folder only", async () => {
  const templates = join(folder, "templates");
  await writeFile(join(templates, "base"), "<{% block a %}base{% endblock a %}|{% block b %}b{% endblock %}>");
  await writeFile(join(templates, "part"), "part of {{ who }}");
  await writeFile(join(templates, "macros"), "{% macro m(x) %}[{{ x }}]{% endmacro %}");
  await writeFile(join(templates, "loop"), "{% include 'loop' %}");
  assert.equal(await rendered("{% include 'part' %}", { who: "me" }), "part of me");
  assert.equal(
    await rendered("{% include 'none' ignore missing %}{% include ['none', 'part'] %}", { who: 1 }),
    "part of 1",
  );
  assert.equal(await rendered("{% import 'macros' as my %}{{ my::m(x=2) }}"), "[2]");
  assert.equal(await rendered("{% extends 'base' %}{% block a %}new {{ super() }}{% endblock %}"), "<new base|b>");
  assert.match(await failure("{% include '../in.tera' %}"), /there is no template/);
  assert.match(await failure("{% include 'loop' %}"), /nested more than 64 deep/);
});

test("what an image puts in a template's place is an error at once", { timeout: 20_000 }, async () => {
  const templates = join(folder, "templates");
  const destination = join(folder, "none");
  const hostile = [
    ["fifo", (path: string) => run("mkfifo", [path]), "template-unreadable", /is not a regular file$/],
    ["folder", (path: string) => mkdir(path), "template-unreadable", /is not a regular file$/],
    // A terabyte that takes no place on the disk.
    ["huge", (path: string) => run("truncate", ["-s", "1T", path]), "template-too-large", /more than 16777216 bytes$/],
  ] as const;
  for (const [name, make, code, message] of hostile) {
    const template = join(folder, name);
    await make(template);
    await assert.rejects(renderTemplate({ template, destination, params: "{}", templates, env: {} }), {
      code,
      message,
    });
    await make(join(templates, name));
    assert.match(await failure(`{% include '${name}' %}`), message);
  }
  await symlink("/etc/passwd", join(templates, "outside"));
  assert.match(await failure("{% include 'outside' %}"), /there is no template/);
});

test("a failure says where, and shows it", async () => {
  assert.equal(
    await failure("a\n  {{ host.name }}\n", { host: {} }),
    "/in.tera:2:6: variable 'host.name' is not defined\n2 |   {{ host.name }}\n  |      ^^^^^^^^^",
  );
  const several = await failure("{{ a }} {{ b | upper }}\n{{ c }}", { b: "x" });
  assert.match(several, /2 undefined variables/);
  assert.match(several, /in\.tera:1:4: variable 'a'[\s\S]*in\.tera:2:4: variable 'c'/);
  assert.match(await failure("{% if x == 1 %}{% endif %}"), /:1:7: variable 'x' is not defined/);
  assert.match(await failure("{{ a"), /:1:1: never closed, '}}' is missing/);
  assert.match(await failure("x{% if a %}"), /:1:2: 'if' is never closed, '{% endif %}' is missing/);
  assert.match(await failure("{{ 'abc }}"), /:1:4: this string is never closed/);
  assert.match(await failure("{{ 1 | nope }}"), /:1:8: there is no filter 'nope'/);
  assert.match(await failure("{{ nope() }}"), /there is no function 'nope'/);
  assert.match(await failure("{{ 1 is nope }}"), /there is no test 'nope'/);
  assert.match(await failure("{{ 1 / 0 }}"), /division by zero/);
  assert.match(await failure("{{ 'a' + 1 }}"), /strings are joined with '~'/);
  assert.match(await failure("{{ throw(message='no way') }}"), /no way/);
  assert.match(await failure("{% endfor %}"), /unexpected tag 'endfor'/);
  assert.match(await failure("{{ a b }}"), /:1:6: unexpected 'b'/);
  assert.match(await failure(`{{ ${"(".repeat(300)}1${")".repeat(300)} }}`), /nested too deeply/);
  assert.match(await failure("{{ a }}", "[1]"), /not a JSON object/);
  assert.match(await failure("{{ a }}", "{"), /not valid JSON/);
});

test("a failure leaves the destination as it was; success replaces it as a whole", async () => {
  const path = join(folder, "kept.conf");
  await writeFile(path, "old");
  await chmod(path, 0o600);
  const template = join(folder, "kept.tera");
  await writeFile(template, "new {{ x }}");
  const request = { template, destination: path, templates: folder, env: {} };
  await assert.rejects(renderTemplate({ ...request, params: "{}" }));
  assert.equal(await readFile(path, "utf8"), "old");
  assert.equal(await renderTemplate({ ...request, params: '{"x":1}', onlyCompare: true }), true);
  assert.equal(await readFile(path, "utf8"), "old");
  assert.equal(await renderTemplate({ ...request, params: '{"x":1}' }), true);
  assert.equal(await readFile(path, "utf8"), "new 1");
  assert.equal(await renderTemplate({ ...request, params: '{"x":1}', onlyCompare: true }), false);
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  const { mtimeNs } = await stat(path, { bigint: true });
  assert.equal(await renderTemplate({ ...request, params: '{"x":1}' }), false);
  assert.equal((await stat(path, { bigint: true })).mtimeNs, mtimeNs);

  const fresh = { ...request, destination: join(folder, "deep/er/file"), params: '{"x":2}' };
  assert.equal(await renderTemplate(fresh), true);
  assert.equal((await stat(fresh.destination)).mode & 0o777, 0o644);
  await renderTemplate({ ...fresh, mode: 0o600 });
  assert.equal((await stat(fresh.destination)).mode & 0o777, 0o600);
});

test("a dashboard of 475 kB with raw sections renders", async () => {
  const section = `{% raw %}{"legend":"{{instance}}"},{% endraw %}{"node":"{{ name }}"},\n`;
  const text = section.repeat(Math.ceil(475_000 / section.length));
  const output = await rendered(text, { name: "n1" });
  assert.equal(output, text.replaceAll("{% raw %}", "").replaceAll("{% endraw %}", "").replaceAll("{{ name }}", "n1"));
});
