import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rhai } from "../command.ts";

const cwd = mkdtempSync(join(tmpdir(), "rhai-run-"));
after(() => rmSync(cwd, { recursive: true }));
const file = (name: string, text: string) => writeFileSync(join(cwd, name), text);

test("a script prints to standard output", async () => {
  file("hello.rhai", '#!/usr/bin/env rhai\nfn greet(name) { "hello " + name }\nprint(greet("you"));\n42');
  assert.deepEqual(await rhai(["run", "hello.rhai"], { cwd }), { code: 0, out: "hello you\n", err: "" });
  assert.deepEqual(await rhai(["run", "-"], { cwd, input: "print(1 + 1)" }), { code: 0, out: "2\n", err: "" });
});

test("debug says where it was called", async () => {
  file("debug.rhai", 'debug("x");');
  assert.deepEqual(await rhai(["run", "debug.rhai"], { cwd }), { code: 0, out: 'debug.rhai @ 1:1 | "x"\n', err: "" });
});

test("--time gives one JSON line with a number per round", async () => {
  file("time.rhai", "print(1);");
  const { code, out, err } = await rhai(["run", "--repeat", "3", "--time", "time.rhai"], { cwd });
  assert.deepEqual([code, out], [0, "1\n1\n1\n"]);
  assert.equal(err.split("\n").length, 2);
  const times = JSON.parse(err) as Record<string, number[]>;
  assert.deepEqual(Object.keys(times), ["compile_ms", "run_ms"]);
  for (const rounds of Object.values(times)) {
    assert.equal(rounds.length, 3);
    for (const ms of rounds) assert.ok(ms >= 0);
  }
});

test("a failing script shows what, where, what to do, and the way there", async () => {
  file("fails.rhai", "fn inner(list) { list[7] }\nfn outer() { inner([1]) }\nouter();\n");
  assert.deepEqual(await rhai(["run", "fails.rhai"], { cwd }), {
    code: 1,
    out: "",
    err: `error[ErrorArrayBounds]: Array index 7 out of bounds: only 1 element in array @ 'fails.rhai' (line 1, position 23)
 --> fails.rhai:1:23
1 | fn inner(list) { list[7] }
  |                       ^
  in 'inner', called at fails.rhai:2:14
  in 'outer', called at fails.rhai:3:1
`,
  });
});

test("a syntax error is shown before anything runs", async () => {
  file("syntax.rhai", 'print("no");\nlet = 1;');
  assert.deepEqual(await rhai(["run", "syntax.rhai"], { cwd }), {
    code: 1,
    out: "",
    err: 'error[VariableExpected]: Expecting name of a variable (line 2, position 5)\n --> syntax.rhai:2:5\n1 | print("no");\n2 | let = 1;\n  |     ^\n',
  });
});

test("imports are found beside the script, and beside the importing module", async () => {
  mkdirSync(join(cwd, "lib"), { recursive: true });
  file("imports.rhai", 'import "lib/a" as a;\nprint(a::name());');
  file("lib/a.rhai", 'import "b" as b;\nfn name() { b::NAME }');
  file("lib/b.rhai", 'export const NAME = "b";');
  assert.deepEqual(await rhai(["run", "imports.rhai"], { cwd }), { code: 0, out: "b\n", err: "" });
});

test("limits end a script that does not end", async () => {
  file("loop.rhai", "loop { }");
  const byOperations = await rhai(["run", "--max-operations", "1000", "loop.rhai"], { cwd });
  assert.equal(byOperations.code, 1);
  assert.match(byOperations.err, /^error\[ErrorTooManyOperations\]: Too many operations[^\n]*\n.*loop\.rhai:1:1\n/);
  const byTime = await rhai(["run", "--timeout", "1", "loop.rhai"], { cwd });
  assert.equal(byTime.code, 1);
  assert.match(byTime.err, /^error\[ErrorTerminated\]/);
});

test("options take sensible numbers only", async () => {
  const { code, err } = await rhai(["run", "--repeat", "0", "x.rhai"], { cwd });
  assert.equal(code, 2);
  assert.match(err, /^rhai: --repeat takes a whole number from 1 on, not '0'\nUsage: rhai run/);
});
