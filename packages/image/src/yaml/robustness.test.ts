import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ACME } from "../babel/acme.fixture.ts";
import { parseImage, renderDiagnostics, validateImage } from "../index.ts";

const PIECES = [
  "!",
  "&a ",
  "*a",
  ": ",
  "- ",
  "{",
  "}",
  "[",
  "]",
  "\n",
  "  ",
  "'",
  '"',
  "|",
  ">",
  "#",
  "? ",
  "<<: *a",
  "!switch ",
  "!!int ",
  "null",
  "\t",
  "%",
];

test("whatever a file holds becomes findings with places inside it, never a crash", () => {
  const edit = fc.record({
    at: fc.nat(ACME.length),
    remove: fc.nat(20),
    insert: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 5 })),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = ACME;
      for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
      const parsed = parseImage(text);
      const findings = validateImage(parsed, { purpose: "push" });
      assert.equal(
        parsed.value === undefined,
        parsed.diagnostics.some((one) => one.severity === "error"),
      );
      const lines = text.split("\n").length;
      for (const { range } of findings) {
        assert.ok(range && range.start.line >= 1 && range.end.line <= lines && range.start.column >= 1);
        assert.ok(range.end.line > range.start.line || range.end.column >= range.start.column);
      }
      renderDiagnostics(findings, { sources: { "babel.yaml": text } });
    }),
    { numRuns: 1500 },
  );
});
