import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { rhai } from "../command.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "rhai-fmt-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

test("files are formatted in place, keep their mode, and nothing else is left behind", async () => {
  writeFileSync(join(cwd, "a.rhai"), "#!/usr/bin/env rhai\nlet x=1 // one");
  chmodSync(join(cwd, "a.rhai"), 0o755);
  writeFileSync(join(cwd, "b.rhai"), "let y = 2;\n");
  assert.deepEqual(await rhai(["fmt", "."], { cwd }), { code: 0, out: "a.rhai\n", err: "" });
  assert.equal(readFileSync(join(cwd, "a.rhai"), "utf8"), "#!/usr/bin/env rhai\nlet x = 1; // one\n");
  assert.equal(statSync(join(cwd, "a.rhai")).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(cwd).sort(), ["a.rhai", "b.rhai"]);
});

test("--check changes nothing and names what is not formatted", async () => {
  mkdirSync(join(cwd, "sub"));
  writeFileSync(join(cwd, "sub/a.rhai"), "let x=1");
  assert.deepEqual(await rhai(["fmt", "--check", "."], { cwd }), { code: 1, out: "sub/a.rhai\n", err: "" });
  assert.equal(readFileSync(join(cwd, "sub/a.rhai"), "utf8"), "let x=1");
  await rhai(["fmt", "."], { cwd });
  assert.deepEqual(await rhai(["fmt", "--check", "."], { cwd }), { code: 0, out: "", err: "" });
});

test("- formats standard input to standard output", async () => {
  assert.deepEqual(await rhai(["fmt", "-"], { cwd, input: "print( 1 )" }), { code: 0, out: "print(1)\n", err: "" });
});

test("a file with a syntax error is left alone, the others are formatted", async () => {
  writeFileSync(join(cwd, "a.rhai"), "let = 1;");
  writeFileSync(join(cwd, "b.rhai"), "1+1");
  const { code, out, err } = await rhai(["fmt", "a.rhai", "b.rhai"], { cwd });
  assert.deepEqual([code, out], [1, "b.rhai\n"]);
  assert.equal(
    err,
    "error[VariableExpected]: Expecting name of a variable (line 1, position 5)\n --> a.rhai:1:5\n1 | let = 1;\n  |     ^\n",
  );
  assert.equal(readFileSync(join(cwd, "a.rhai"), "utf8"), "let = 1;");
});
