import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "rhai-readme-"));
after(() => rmSync(folder, { recursive: true }));

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!);

/** What the page says a block prints: comments behind `console.log(…);`, and comment lines at the end of a block. */
function promised(block: string): readonly string[] {
  const lines = block.trimEnd().split("\n");
  const firstOfEnd = lines.findLastIndex((line) => !line.startsWith("// ")) + 1;
  const behind = lines.slice(0, firstOfEnd).flatMap((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? []);
  return [...behind, ...lines.slice(firstOfEnd).map((line) => line.slice(3))];
}

test("the code of the page runs and prints what it says", () => {
  assert.ok(blocks.length >= 9);
  const entry = new URL("./index.ts", import.meta.url).href;
  const file = join(folder, "tour.ts");
  writeFileSync(file, blocks.join("\n").replaceAll('"@blockvisor/rhai"', JSON.stringify(entry)));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.deepEqual(stdout.trimEnd().split("\n"), blocks.flatMap(promised));
});

test("its links lead somewhere", () => {
  for (const [, path] of readme.matchAll(/\]\((docs\/[^)]+)\)/g)) {
    assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
  }
});
