import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pages } from "./pages.ts";

test("the generated pages of docs/ are up to date", () => {
  for (const [file, text] of pages()) {
    const written = readFileSync(new URL(`../../docs/${file}`, import.meta.url), "utf8");
    assert.ok(written === text, `docs/${file} is out of date: run packages/rhai/src/reference/main.ts`);
  }
});

test("every public function, class and constant is in the API reference with a docstring", () => {
  const api = pages().get("api.md")!;
  const undocumented = [...api.matchAll(/^### (\w+)\n\n```ts\n(?:class|function|const)/gm)].map(([, name]) => name);
  assert.deepEqual(undocumented, []);
});
