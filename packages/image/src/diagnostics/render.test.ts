import assert from "node:assert/strict";
import { test } from "node:test";
import { ACME } from "../babel/acme.fixture.ts";
import { parseImage, renderDiagnostics, validateImage } from "../index.ts";

test("text: place, code frame, help", () => {
  const text = ACME.replace("default_value: off", "default_value: of");
  assert.equal(
    renderDiagnostics(validateImage(parseImage(text)), { sources: { "babel.yaml": text } }),
    `babel.yaml:11:20 error NIB214 default_value "of" is not allowed for switch "trace" (expected "on" or "off")
   10 |     dynamic_value: false
   11 |     default_value: of
      |                    ^^
   help: change to "off"`,
  );
});

test("json: one object per finding", () => {
  const text = ACME.replace("default_value: off", "default_value: of");
  assert.deepEqual(JSON.parse(renderDiagnostics(validateImage(parseImage(text)), { format: "json" })), [
    {
      code: "NIB214",
      severity: "error",
      message: 'default_value "of" is not allowed for switch "trace" (expected "on" or "off")',
      file: "babel.yaml",
      line: 11,
      col: 20,
      endLine: 11,
      endCol: 22,
      path: "properties[1].default_value",
      help: 'change to "off"',
      fix: { title: "Change to off", line: 11, col: 20, endLine: 11, endCol: 22, text: "off" },
    },
  ]);
});

test("a hostile line cannot drive the terminal, a long one is cut around the place", () => {
  const text = `${"a".repeat(500)}\x1b[2J${"b".repeat(500)}`;
  const frame = renderDiagnostics(
    [
      {
        code: "NIB101",
        severity: "error",
        message: "m",
        file: "f",
        range: { start: { line: 1, column: 501 }, end: { line: 1, column: 502 } },
      },
    ],
    { sources: { f: text } },
  );
  assert.ok(!frame.includes("\x1b"));
  assert.ok(frame.split("\n").every((line) => line.length < 200));
  const [, source, caret] = frame.split("\n");
  assert.equal(source![caret!.indexOf("^")], "\ufffd");
});
