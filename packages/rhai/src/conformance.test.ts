import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Evaluation, evaluateScript } from "./cli/evaluate-script.ts";

interface Sample {
  readonly id: string;
  readonly script: string;
  readonly expect: Evaluation;
}

const folder = new URL("../conformance/", import.meta.url);
const lines = (file: string): Sample[] =>
  readFileSync(new URL(file, folder), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);

/** Samples that contradict a recommendation of the spec, with the reason. */
const exceptions = JSON.parse(readFileSync(new URL("exceptions.json", folder), "utf8")) as Readonly<
  Record<string, string>
>;

/** Names of anonymous functions differ between engines. */
const comparable = (value: Evaluation): unknown =>
  JSON.parse(JSON.stringify(value).replace(/anon\$[0-9a-f]{16}/g, "anon$HASH"));

for (const file of ["tests.jsonl", "matrix.jsonl", "mutants.jsonl"]) {
  test(`conformance: ${file} gives what the native engine gives`, () => {
    const samples = lines(file);
    assert.ok(samples.length > 500);
    const wrong = samples
      .filter((sample) => !(sample.id in exceptions))
      .map((sample) => ({ sample, got: comparable(evaluateScript(sample.script)) }))
      .filter(({ sample, got }) => {
        try {
          assert.deepEqual(got, comparable(sample.expect));
          return false;
        } catch {
          return true;
        }
      });
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${samples.length} samples differ`);
  });
}

test("conformance: every listed exception really differs", () => {
  const samples = ["tests.jsonl", "matrix.jsonl", "mutants.jsonl"].flatMap(lines);
  for (const [id, reason] of Object.entries(exceptions)) {
    const sample = samples.find((candidate) => candidate.id === id);
    assert.ok(sample !== undefined, `${id} is not in the data`);
    assert.notDeepEqual(comparable(evaluateScript(sample.script)), comparable(sample.expect), `${id}: ${reason}`);
  }
});
