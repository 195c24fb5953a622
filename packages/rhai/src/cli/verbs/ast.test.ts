import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { rhai } from "../command.ts";

test("the tree comes as JSON with offsets and comments", async () => {
  const input = "#!/bin/rhai\n'c'; // note\n9223372036854775807; 1e400; ()";
  const { code, out } = await rhai(["ast", "--compact", "-"], { cwd: tmpdir(), input });
  assert.equal(code, 0);
  assert.equal(out.split("\n").length, 2);
  const literal = (type: string, value: unknown, start: number, end: number) => ({
    kind: "Expression",
    expr: { kind: "Literal", type, value, start, end },
    start,
    end,
  });
  assert.deepEqual(JSON.parse(out), {
    kind: "Program",
    body: [
      literal("char", "c", 12, 15),
      literal("int", "9223372036854775807", 25, 44),
      literal("float", "Infinity", 46, 51),
      literal("unit", null, 53, 55),
    ],
    comments: [{ kind: "line", isDoc: false, start: 17, end: 24 }],
    start: 0,
    end: 55,
  });
});

test("a syntax error is shown with its frame", async () => {
  const { code, err } = await rhai(["ast", "-"], { cwd: tmpdir(), input: "let x = ;" });
  assert.equal(code, 1);
  assert.equal(
    err,
    "error[UnexpectedInput]: Unexpected ';' (line 1, position 9)\n --> -:1:9\n1 | let x = ;\n  |         ^\n",
  );
});
