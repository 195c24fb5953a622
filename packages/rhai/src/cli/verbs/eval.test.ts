import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { rhai } from "../command.ts";

/** Sends requests (scripts get their index as id, other texts go as they are) and gives the answers back. */
async function answers(...requests: readonly (string | { readonly raw: string })[]): Promise<unknown[]> {
  const lines = requests.map((request, id) =>
    typeof request === "string" ? JSON.stringify({ id, script: request }) : request.raw,
  );
  const { code, out, err } = await rhai(["eval", "--json"], { cwd: tmpdir(), input: `${lines.join("\n")}\n` });
  assert.deepEqual([code, err], [0, ""]);
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("values, prints, syntax errors and run-time errors have the shape of the conformance data", async () => {
  assert.deepEqual(
    await answers('#{ b: [1, 2.0], a: "x" }', 'print("p"); debug("d"); ()', "let = 1;", 'print("before"); [1][5]'),
    [
      { id: 0, ok: true, type: "map", display: '#{"a": "x", "b": [1, 2.0]}', debug: '#{"a": "x", "b": [1, 2.0]}' },
      { id: 1, ok: true, type: "()", display: "", debug: "()", out: ["print:p", 'debug:line 1, position 13:"d"'] },
      { id: 2, ok: false, stage: "parse", error: "Expecting name of a variable (line 1, position 5)" },
      {
        id: 3,
        ok: false,
        stage: "eval",
        error: "Array index 5 out of bounds: only 1 element in array (line 1, position 22)",
        out: ["print:before"],
      },
    ],
  );
});

test("scripts know nothing of each other", async () => {
  const [, second] = await answers("let x = 1; fn f() { 1 }", "f() + x");
  assert.deepEqual(second, { id: 1, ok: false, stage: "eval", error: "Function not found: f () (line 1, position 1)" });
});

test("nothing that a line holds ends the command", async () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const all = (await answers(
    { raw: "not json" },
    { raw: "[]" },
    { raw: '{"id": "x", "script": 5}' },
    deep,
    "fn f(n) { f(n + 1) } f(0)",
    "loop { }",
    'let s = "x"; loop { s += s; }',
    "let a = []; loop { a.push(a); }",
    "let f = |f| f.call(f); f.call(f)",
    `let m = #{}; for i in 0..100000 { m = #{ m: m }; } m`,
    "1 + 1",
  )) as { readonly ok: boolean; readonly error: string }[];
  assert.deepEqual(
    all.map(({ ok }) => ok),
    [false, false, false, false, false, false, false, false, false, all[9]!.ok, true],
  );
  for (const { error } of all) if (error !== undefined) assert.doesNotMatch(error, /Internal error|RangeError/);
});

test("every answer comes before the next question", async () => {
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "eval", "--json"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  for (const id of ["a", "b"]) {
    child.stdin.write(`${JSON.stringify({ id, script: "1" })}\n`);
    assert.deepEqual(JSON.parse((await lines.next()).value as string), {
      id,
      ok: true,
      type: "i64",
      display: "1",
      debug: "1",
    });
  }
  child.stdin.end();
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("the conformance data comes out as the native engine gives it", async () => {
  const folder = new URL("../../../conformance/", import.meta.url);
  const exceptions = JSON.parse(readFileSync(new URL("exceptions.json", folder), "utf8")) as object;
  const samples = ["tests.jsonl", "matrix.jsonl", "mutants.jsonl"]
    .flatMap((file) => readFileSync(new URL(file, folder), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line.replaceAll(/anon\$[0-9a-f]{16}/g, "anon$HASH")) as Sample)
    .filter(({ id }) => !(id in exceptions));
  const { code, out } = await rhai(["eval", "--json"], {
    cwd: tmpdir(),
    input: samples.map(({ id, script }) => JSON.stringify({ id, script })).join("\n"),
  });
  assert.equal(code, 0);
  const given = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line.replaceAll(/anon\$[0-9a-f]{16}/g, "anon$HASH")) as Sample);
  assert.equal(given.length, samples.length);
  samples.forEach(({ id, expect }, i) => {
    assert.deepEqual(given[i], { id, ...expect });
  });
});

interface Sample {
  readonly id: string;
  readonly script: string;
  readonly expect: object;
}
