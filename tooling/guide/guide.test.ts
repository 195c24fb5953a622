import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { missingLine, parseGuide } from "./guide.ts";
import { walkGuide } from "./walk.ts";

const text = `# Title

## First step
Some words.
\`\`\`sh
mkdir sub && cd sub
value=7
\`\`\`
\`\`\`yaml
not: run
\`\`\`

## Second step
\`\`\`sh
echo "value is $value in $(basename "$PWD")"
\`\`\`
\`\`\`output
value is … in sub
\`\`\`
`;

test("a guide is steps with commands and what they print", () => {
  assert.deepEqual(parseGuide(text, "docs/guide.md"), {
    path: "docs/guide.md",
    title: "Title",
    steps: [
      { title: "First step", commands: [{ line: 5, script: "mkdir sub && cd sub\nvalue=7", expected: [] }] },
      {
        title: "Second step",
        commands: [
          { line: 14, script: 'echo "value is $value in $(basename "$PWD")"', expected: ["value is … in sub"] },
        ],
      },
    ],
  });
});

test("expected lines have to appear in order", () => {
  assert.equal(missingLine(["a", "c"], "a\nb\nc\n"), undefined);
  assert.equal(missingLine(["c", "a"], "a\nb\nc\n"), "a");
  assert.equal(missingLine(["height: …"], "height: 12"), undefined);
});

test("a walk keeps its shell, and stops at the first line that fails", async () => {
  const directory = await mkdtemp(`${tmpdir()}/bv-guide-`);
  const printed: string[] = [];
  const options = { directory, env: process.env, timeout: 10_000, onOutput: (output: string) => printed.push(output) };
  try {
    await walkGuide(parseGuide(text, "docs/guide.md"), options);
    assert.equal(printed.join(""), "value is 7 in sub\n");
    const failing = parseGuide("## Step\n```sh\nfalse\necho not reached\n```\n", "docs/guide.md");
    await assert.rejects(walkGuide(failing, options), /docs\/guide\.md:2: this ended with status 1/);
    const wrong = parseGuide("## Step\n```sh\necho one\n```\n```output\ntwo\n```\n", "docs/guide.md");
    await assert.rejects(walkGuide(wrong, options), /the output lacks 'two'; it was:\none/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
