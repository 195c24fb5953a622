import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../engine/engine.ts";
import { t } from "../host/native.ts";
import { checkText } from "./check.ts";
import { findings } from "./findings.ts";
import { RULES } from "./rules.ts";

test("a clean script has no findings", () => {
  const script = `import "base" as base;
const PORT = 8545;
fn plugin_config() {
    let jobs = [];
    for name in ["a", "b"] { jobs.push(#{ name: name, port: global::PORT }); }
    #{ jobs: jobs, files: base::config_files() }
}`;
  assert.deepEqual(findings(script), []);
});

test("a finding has code, severity, place and hint", () => {
  assert.deepEqual(checkText("let count = 1; print(cuont);"), [
    { severity: "warning", code: "unused-variable", message: "let 'count' is never used", start: 4, end: 9 },
    {
      severity: "error",
      code: "undefined-variable",
      message: "variable 'cuont' is not defined",
      start: 21,
      end: 26,
      hint: "did you mean 'count'?",
    },
  ]);
});

test("every syntax error is reported, with what can still be said about the rest", () => {
  assert.deepEqual(
    findings("let = 1; let m = #{ a: 1, a: 2 }; fn f() { return; f() } const X = 1; X = 2; let static = 1;"),
    [
      "1:5-1:6 VariableExpected: Expecting name of a variable",
      "1:27-1:28 DuplicatedProperty: Duplicated property for object map literal: a",
      "1:52-1:55 unreachable-code: this is never reached",
      "1:71-1:72 AssignmentToConstant: Cannot assign to constant X",
      "1:82-1:88 Reserved: 'static' is a reserved keyword",
    ],
  );
});

test("a missing semicolon hides nothing of what follows", () => {
  assert.deepEqual(findings("let a = 1\nlet b = ;\nfn f() {\n    f()\n    g(\n}\nlet c = 2\n+"), [
    "2:1-2:4 MissingToken: Expecting ';' to terminate this statement",
    "2:9-2:10 UnexpectedInput: Unexpected ';'",
    "5:5-5:6 MissingToken: Expecting ';' to terminate this statement",
    "6:1-6:2 UnexpectedInput: Unexpected '}'",
    "8:2-8:2 UnexpectedEOF: Script is incomplete",
  ]);
});

test("rules can be turned off", () => {
  assert.deepEqual(findings("let a = 1;", { off: ["unused-variable"] }), []);
});

test("every rule is documented in one line", () => {
  for (const [code, { about }] of Object.entries(RULES)) {
    assert.match(code, /^[a-z]+(-[a-z]+)+$/);
    assert.match(about, /^[^\n]{20,}$/);
  }
});

test("what is registered with an engine is known", () => {
  const engine = new Engine().registerFn("run_sh", [t.string], () => undefined);
  assert.deepEqual(findings('run_sh("ls"); run_sh(); frobnicate();', { engine }), [
    "1:15-1:23 wrong-arity: function 'run_sh' takes 1 argument, not 0",
    "1:25-1:35 unknown-function: there is no function 'frobnicate'",
  ]);
});
