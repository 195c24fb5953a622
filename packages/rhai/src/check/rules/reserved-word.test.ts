import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../findings.ts";

const found = (text: string, options = {}) => findingsOf("reserved-word", text, options);

test("a function pointer to a reserved word", () => {
  assert.deepEqual(found('Fn("while"); Fn("print"); Fn("abs");'), [
    "1:4-1:11 'while' is a reserved word: no function has that name",
    "1:17-1:24 'print' is a reserved word: no function has that name",
  ]);
});
