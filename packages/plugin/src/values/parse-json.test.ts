import assert from "node:assert/strict";
import { test } from "node:test";
import { Float, RhaiArray, RhaiMap } from "@blockvisor/rhai";
import { parseJson } from "./parse-json.ts";
import { valueToJson } from "./to-json.ts";

test("values of every type; INT and FLOAT are told apart", () => {
  const table: [text: string, json: string][] = [
    ['{"a":1,"b":[1.0,true,null,"x"]}', '{"a":1,"b":[1.0,true,null,"x"]}'],
    [" [ ] ", "[]"],
    ["{}", "{}"],
    ["1e3", "1000.0"],
    ["1E5", "100000.0"],
    ["-0", "0"],
    ["9223372036854775807", "9223372036854775807"],
    ["9223372036854775808", "9223372036854776000"],
    ["null", "null"],
    ['"\\/\\b\\f\\u0041\\ud83d\\ude00"', '"/\\b\\fA😀"'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"__proto__":1}', '{"__proto__":1}'],
  ];
  for (const [text, json] of table) assert.equal(valueToJson(parseJson(text)), json, text);
  assert.ok(parseJson("9223372036854775808") instanceof Float);
  assert.ok(parseJson("[1]") instanceof RhaiArray);
  assert.ok(parseJson("{}") instanceof RhaiMap);
});

test("anything else is an error with its place, and nothing is evaluated", () => {
  const table = [
    "",
    " ",
    "{",
    "[1,]",
    '{"a":1,}',
    "{a:1}",
    "'x'",
    "01",
    "1.",
    ".5",
    "+1",
    "0x1",
    "1+2",
    "[1] 2",
    '"\n"',
    '"\\x"',
    '"\\u12"',
    "nul",
    "NaN",
    '{"a":print(1)}',
    "// c",
    "[".repeat(200),
  ];
  for (const text of table) assert.throws(() => parseJson(text), { name: "JsonError" }, text);
  assert.throws(() => parseJson('{\n "a": tru }'), { message: 'invalid JSON: unexpected "t" (line 2, position 7)' });
  assert.throws(() => parseJson("[1"), { message: "invalid JSON: unexpected end (line 1, position 3)" });
});

test("agrees with JSON.parse on what is JSON", () => {
  const samples = [
    "{}",
    "[]",
    "1",
    "-1.5e-7",
    '"a\\u0000b"',
    "[[],{}]",
    '{"a":{"b":[null]}}',
    "tru",
    "[,]",
    "1 1",
    '"',
    "\\",
    "--1",
    "1e",
    "{}{}",
    "\u00a01",
  ];
  for (const text of samples) {
    const valid = (parse: (text: string) => unknown) => {
      try {
        parse(text);
        return true;
      } catch {
        return false;
      }
    };
    assert.equal(valid(parseJson), valid(JSON.parse), text);
  }
});
