import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type FailureName, failureExit, failureKinds } from "./codes.ts";

const page = join(import.meta.dirname, "../../../../docs/errors.md");

test("docs/errors.md lists exactly the failures there are", () => {
  const rows = Object.entries(failureKinds)
    .sort(([, a], [, b]) => a.number - b.number)
    .map(([name, { number, meaning }]) => {
      const exits = (["nib", "bv", "bvup"] as const).map((program) => failureExit(program, name as FailureName));
      return `| ${String(number).padStart(3, "0")} | ${meaning} | ${exits.join(" | ")} |`;
    });
  const documented = readFileSync(page, "utf8")
    .split("\n")
    .filter((line) => /^\| \d{3} \|/.test(line));
  assert.deepEqual(documented, rows);
});

test("a number means one thing", () => {
  const numbers = Object.values(failureKinds).map(({ number }) => number);
  assert.deepEqual(numbers, [...new Set(numbers)]);
});
