import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { readFixture } from "../fixtures/read-fixture.ts";
import { lintPlugin, PluginWorkers } from "../index.ts";

const workers = new PluginWorkers({ size: 1 });
after(() => workers.close());

const PIECES = [
  "{",
  "}",
  "(",
  "`",
  "${",
  '"',
  "#{",
  "fn ",
  "const ",
  "loop {",
  "throw ",
  ";",
  "::",
  ".",
  "??",
  "exit();",
  "/*",
  "()",
  "switch ",
  "try {",
  "1 / 0",
  "'",
];

test("whatever a script holds becomes findings, never a rejection or a crash", async () => {
  const edit = fc.record({
    file: fc.constantFrom("main.rhai", "aux.rhai", "base.rhai"),
    at: fc.nat(6000),
    remove: fc.nat(12),
    insert: fc.constantFrom(...PIECES),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const files = readFixture("lagoon");
      for (const { file, at, remove, insert } of edits) {
        const text = files[file] ?? "";
        const place = at % text.length;
        files[file] = text.slice(0, place) + insert + text.slice(place + remove);
      }
      const image = { version: "1.0.0", protocol: "lagoon", variant: "lagoon-mainnet-full" };
      const findings = await lintPlugin({ files, image, params: {}, properties: [], workers, timeoutMs: 500 });
      for (const { file, range, message } of findings) {
        assert.doesNotMatch(message, /plugin engine failed|thread/);
        if (!range) continue;
        assert.ok(file !== undefined && range.start.line >= 1 && range.start.line <= files[file]!.split("\n").length);
      }
    }),
    { numRuns: 150 },
  );
});
