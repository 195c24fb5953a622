import assert from "node:assert/strict";
import { test } from "node:test";
import { corpus } from "./corpus.ts";
import { Generator } from "./generate.ts";
import { programOf } from "./programs.ts";
import { brokenProperty } from "./properties.ts";
import { Random } from "./random.ts";

const PROGRAMS = 800;
const programs = corpus();

test("generated and broken programs never break lexer, parser, checker, formatter or engine", () => {
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const what = brokenProperty(programOf(seed, programs));
    assert.equal(what, null, `seed ${seed} (./dev fuzz rhai --seed ${seed} --seconds 0): ${what}`);
  }
});

test("a seed always gives the same program", () => {
  assert.equal(programOf(77, programs), programOf(77, programs));
  assert.notEqual(programOf(77, programs), programOf(78, programs));
});

test("most generated programs parse, so that what is behind the parser is reached", async () => {
  const { parseAll } = await import("../parse/parse.ts");
  const parsed = Array.from({ length: 300 }, (_, seed) => new Generator(new Random(seed)).program()).filter(
    (text) => parseAll(text).diagnostics.length === 0,
  );
  assert.ok(parsed.length > 200, `only ${parsed.length} of 300 parse`);
});
