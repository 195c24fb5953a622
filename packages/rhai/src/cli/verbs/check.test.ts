import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rhai } from "../command.ts";

const cwd = mkdtempSync(join(tmpdir(), "rhai-check-"));
after(() => rmSync(cwd, { recursive: true }));
const file = (name: string, text: string) => writeFileSync(join(cwd, name), text);

test("all findings of all files, with frames and a count", async () => {
  file("one.rhai", "let unused = 1;\nprint(mising);\n");
  file("two.rhai", "let = 1;\nif x = 1 { }\n");
  const { code, out } = await rhai(["check", "one.rhai", "two.rhai"], { cwd });
  assert.equal(code, 1);
  assert.equal(
    out,
    `warning[unused-variable]: let 'unused' is never used
 --> one.rhai:1:5
1 | let unused = 1;
  |     ^^^^^^

error[undefined-variable]: variable 'mising' is not defined
 --> one.rhai:2:7
1 | let unused = 1;
2 | print(mising);
  |       ^^^^^^

error[VariableExpected]: Expecting name of a variable
 --> two.rhai:1:5
1 | let = 1;
  |     ^

error[ImproperSymbol]: Possibly a typo of '=='?
 --> two.rhai:2:6
1 | let = 1;
2 | if x = 1 { }
  |      ^

3 errors, 1 warning
`,
  );
});

test("json gives the same to programs", async () => {
  file("json.rhai", "\nlet x = 1;");
  const { code, out } = await rhai(["check", "--format", "json", "json.rhai"], { cwd });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), [
    {
      file: "json.rhai",
      code: "unused-variable",
      severity: "warning",
      message: "let 'x' is never used",
      start: { line: 2, column: 5, offset: 5 },
      end: { line: 2, column: 6, offset: 6 },
    },
  ]);
});

test("warnings fail only with --strict, rules can be left out", async () => {
  file("warn.rhai", "let x = 1;");
  assert.equal((await rhai(["check", "warn.rhai"], { cwd })).code, 0);
  assert.equal((await rhai(["check", "--strict", "warn.rhai"], { cwd })).code, 1);
  assert.deepEqual(await rhai(["check", "--strict", "--off", "unused-variable", "warn.rhai"], { cwd }), {
    code: 0,
    out: "no findings\n",
    err: "",
  });
});

test("what the host adds is known from a file", async () => {
  file(
    "host.rhai",
    'fn plugin_config() { run_sh("ls", #{}); helper(NODE) }\nfn helper(x) { x }\nfn orphan() {}\nprint(NODE);',
  );
  file("host.json", '{ "functions": { "run_sh": [1, 2] }, "globals": ["NODE"] }');
  const { out } = await rhai(
    ["check", "--format", "json", "--functions", "host.json", "--entry", "plugin_config", "host.rhai"],
    { cwd },
  );
  const found = JSON.parse(out) as { readonly code: string; readonly message: string }[];
  assert.deepEqual(
    found.map(({ code, message }) => `${code}: ${message}`),
    ["undefined-variable: variable 'NODE' is not defined", "unused-function: function 'orphan/0' is never called"],
  );
  file("bad.json", '{ "functions": { "run_sh": 1 } }');
  const bad = await rhai(["check", "--functions", "bad.json", "host.rhai"], { cwd });
  assert.equal(bad.code, 1);
  assert.match(
    bad.err,
    /^error\[bad-functions\]: bad\.json: 'functions\.run_sh' has to be a list of whole numbers\nhelp: /,
  );
});

test("imports are followed through files", async () => {
  file("main.rhai", 'import "lib" as lib;\nlib::work(1);\nlib::wrk();\nprint(lib::HIDDEN);\nimport "gone" as _g;\n');
  file("lib.rhai", "fn work(x) { x }\nconst HIDDEN = 1;\n");
  file("round.rhai", 'import "back" as _b;');
  file("back.rhai", 'import "round" as _r;');
  const messages = async (name: string) => {
    const { out } = await rhai(["check", "--format", "json", name], { cwd });
    return (JSON.parse(out) as { readonly code: string; readonly message: string }[]).map(
      ({ code, message }) => `${code}: ${message}`,
    );
  };
  assert.deepEqual(await messages("main.rhai"), [
    "unknown-export: module 'lib' does not export a function 'wrk'",
    "unknown-export: module 'lib' does not export 'HIDDEN'",
    "unknown-module: there is no module 'gone'",
  ]);
  assert.deepEqual(await messages("./round.rhai"), [
    "import-cycle: this import leads back here: round.rhai → back.rhai → round.rhai",
  ]);
});
