import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluateScript } from "./cli/evaluate-script.ts";

const page = readFileSync(new URL("../docs/differences.md", import.meta.url), "utf8");
const lines = [...page.matchAll(/^```rhai\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.trimEnd().split("\n"));

test("every line of the page of differences is true", () => {
  assert.ok(lines.length > 25);
  for (const line of lines) {
    const [script, rest] = line.split(" → ");
    const promised = rest!.replace(/ \((?:was|as) [^()]*(?:\([^()]*\)[^()]*)*\)$/, "");
    const result = evaluateScript(script!);
    const given = result.ok ? result.debug : `error: ${result.error.replaceAll("\n", "⏎")}`;
    assert.equal(given, promised, script);
  }
});
