import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { rhai } from "../command.ts";

const talk = (...lines: string[]) => rhai(["repl"], { cwd: tmpdir(), input: `${lines.join("\n")}\n` });

test("values are shown, variables and functions stay", async () => {
  assert.deepEqual(await talk("let x = 40;", "fn add(a) { a + 2 }", "add(x)", '"text"', "x += 1", "x"), {
    code: 0,
    out: '42\n"text"\n41\n',
    err: "",
  });
});

test("an input goes on until it is complete", async () => {
  const { out } = await talk(
    "fn twice(n) {",
    "    n * 2",
    "}",
    "twice(",
    "  4)",
    "`one",
    "two`",
    "/* a comment",
    "goes on */ 7",
  );
  assert.equal(out, '8\n"one\\ntwo"\n7\n');
});

test("an empty line ends an input that cannot go on, an error ends nothing", async () => {
  const { code, out, err } = await talk("let y = ", "", "nothing", "1 + 1");
  assert.equal(code, 0);
  assert.equal(out, "2\n");
  assert.match(err, /^error\[UnexpectedEOF\][\s\S]*error\[ErrorVariableNotFound\]: Variable not found: nothing/);
});

test("commands show and forget the variables, and end the conversation", async () => {
  const { out } = await talk("const A = 1;", "let b = 'c';", ":vars", ":reset", ":vars", ":what", ":quit", "print(1)");
  assert.equal(out, "const A = 1\nlet b = 'c'\nthere is no :what; :help lists what there is\n");
});
