import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../engine/engine.ts";
import { ReplSession } from "./repl-session.ts";

const session = () => new ReplSession(new Engine());
const value = (one: ReplSession, text: string) => {
  const outcome = one.enter(text, false);
  return outcome.kind === "value" ? outcome.value : outcome.kind;
};

test("a newer function replaces an older one of the same name and number of parameters", () => {
  const one = session();
  value(one, "fn f() { 1 } fn f(a) { a }");
  value(one, "fn f() { 2 }");
  assert.equal(value(one, "f() + f(10)"), 12);
});

test("functions that did not compile are not kept", () => {
  const one = session();
  assert.equal(value(one, "fn f() { 1 } ++"), "error");
  assert.equal(value(one, "f()"), "error");
});

test("positions of errors are those of the input", () => {
  const one = session();
  value(one, "fn f() { 1 }");
  const outcome = one.enter("1;\n  missing", false);
  assert.equal(
    outcome.kind === "error" ? outcome.error.message : "",
    "Variable not found: missing (line 2, position 3)",
  );
});

test("only a text that could go on is incomplete", () => {
  const kinds = (text: string) => session().enter(text, true).kind;
  for (const text of ["let x =", "f(", "if true {", "#{ a: 1,", "`text", '#"raw', "/* open", "1 +", "[1, 2"])
    assert.equal(kinds(text), "incomplete", text);
  for (const text of ["let = 1", '"open', "1 2", ")"]) assert.equal(kinds(text), "error", text);
});

test("completion knows keywords, variables, functions and methods", () => {
  const one = session();
  value(one, "let counter = 1; fn compute() {}");
  assert.deepEqual(one.complete("print(co", ["contains"]), [
    ["compute", "contains", "continue", "const", "counter"].sort(),
    "co",
  ]);
  assert.deepEqual(one.complete("x.co", ["contains"]), [["compute", "contains"], "co"]);
  assert.deepEqual(one.complete("x.zzz", ["contains"]), [[], "zzz"]);
});
