import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { rhai } from "./command.ts";
import { version } from "./version.ts";

const run = (...args: string[]) => rhai(args, { cwd: tmpdir() });

test("the overview lists every verb, and each explains itself", async () => {
  const { code, out } = await run("help");
  assert.equal(code, 0);
  const verbs = [...out.matchAll(/^ {2}(\w+) /gm)].map(([, verb]) => verb!);
  assert.deepEqual(verbs, ["run", "check", "fmt", "ast", "repl", "eval"]);
  for (const verb of verbs) {
    const help = await run(verb, "--help");
    assert.equal(help.code, 0);
    assert.match(help.out, new RegExp(`^Usage: rhai ${verb}`));
  }
});

test("without a verb the overview comes with exit code 2", async () => {
  const { code, out } = await run();
  assert.equal(code, 2);
  assert.match(out, /^Usage: rhai VERB/);
});

test("a wrong command line says what is wrong and exits with 2", async () => {
  assert.deepEqual(await run("frobnicate"), {
    code: 2,
    out: "",
    err: "rhai: there is no 'frobnicate'; 'rhai help' lists what there is\n",
  });
  assert.deepEqual(await run("ast"), {
    code: 2,
    out: "",
    err: "rhai: FILE is missing ('-' reads standard input)\nUsage: rhai ast [--compact] FILE\n",
  });
  const unknown = await run("fmt", "--wrong", "x.rhai");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /^rhai: Unknown option '--wrong'\nUsage: rhai fmt/);
});

test("a file that cannot be read is named with the reason", async () => {
  assert.deepEqual(await run("ast", "gone.rhai"), {
    code: 1,
    out: "",
    err: "error[cannot-read]: cannot read gone.rhai: there is no such file\n",
  });
});

test("the version is that of the package", async () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  assert.equal(version, manifest.version);
  assert.deepEqual(await run("--version"), { code: 0, out: `rhai ${manifest.version}\n`, err: "" });
});
