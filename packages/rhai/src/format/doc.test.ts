import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Doc,
  freshLine,
  group,
  hardLine,
  ifBroken,
  indent,
  join,
  line,
  lineSuffix,
  print,
  softLine,
} from "./doc.ts";

const list = (...items: string[]): Doc =>
  group(["[", indent([softLine, join([",", line], items), ifBroken(",")]), softLine, "]"]);

test("a group is flat when it fits, else all its lines break", () => {
  assert.equal(print(list("a", "b"), 6, 2), "[a, b]");
  assert.equal(print(list("a", "b"), 5, 2), "[\n  a,\n  b,\n]");
});

test("what follows up to the next break counts", () => {
  assert.equal(print([list("a"), ";;;"], 5, 2), "[\n  a,\n];;;");
});

test("a comment behind an item breaks the group, one behind the group does not", () => {
  assert.equal(
    print([group(["(", indent([softLine, "a", lineSuffix("// c")]), softLine, ")"]), ";"], 80, 2),
    "(\n  a // c\n);",
  );
  assert.equal(print([group(["(", softLine, ")", lineSuffix("// c")]), ";"], 80, 2), "(); // c");
});

test("a second comment on a line gets a line of its own behind a line comment", () => {
  assert.equal(print(["a", lineSuffix("// 1"), lineSuffix("// 2"), hardLine, "b"], 80, 2), "a // 1\n// 2\nb");
  assert.equal(print(["a", lineSuffix("/* 1 */"), lineSuffix("// 2")], 80, 2), "a /* 1 */ // 2");
});

test("lines never end in blanks, and a fresh line is not broken twice", () => {
  assert.equal(print(["a ", hardLine, freshLine, indent([freshLine, "b"])], 80, 2), "a\n  b");
});
