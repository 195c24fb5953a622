import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse, parseAll } from "../parse/parse.ts";
import { formatScript } from "./format.ts";
import { sameSyntax } from "./same-syntax.ts";

/** Every script of the conformance data that parses. */
const scripts = ["tests.jsonl", "matrix.jsonl", "mutants.jsonl"]
  .flatMap((file) =>
    readFileSync(new URL(`../../conformance/${file}`, import.meta.url), "utf8")
      .trimEnd()
      .split("\n"),
  )
  .map((line) => (JSON.parse(line) as { readonly script: string }).script)
  .filter((script) => parseAll(script).diagnostics.length === 0);

test("formatting keeps the meaning and the comments of every conformance script, and is stable", () => {
  assert.ok(scripts.length > 6000);
  for (const script of scripts) {
    const formatted = formatScript(script);
    const [before, after] = [parse(script), parse(formatted)];
    assert.ok(sameSyntax(before, after), script);
    assert.deepEqual(
      after.comments.map(({ start, end }) => formatted.slice(start, end).trim()).sort(),
      before.comments.map(({ start, end }) => script.slice(start, end).trim()).sort(),
      script,
    );
    assert.equal(formatScript(formatted), formatted, script);
  }
});

test("trees that differ are told apart", () => {
  const same = (a: string, b: string) => sameSyntax(parse(a), parse(b));
  assert.ok(same("let x=1;;", "let x = 1"));
  assert.ok(same("[|a| a]", "[ |a|  a ]"));
  for (const [a, b] of [
    ["1", "2"],
    ["1", "1.0"],
    ["-5.abs()", "- 5.abs()"],
    ["(1)", "1"],
    ["a.b", "a?.b"],
    ["f(1)", "f!(1)"],
    ["f(1, 2)", "f(2, 1)"],
    ["let a = 1", "const a = 1"],
    ["#{ a: 1 }", "#{ b: 1 }"],
    ['"a"', '"b"'],
    ["if a { 1 }", "if a { 1 } else { }"],
  ] as const) {
    assert.ok(!same(a, b), `${a} | ${b}`);
  }
});
