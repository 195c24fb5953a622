import assert from "node:assert/strict";
import { test } from "node:test";
import { petName } from "./pet-name.ts";

test("a name is three words that no other node has, however many there are", () => {
  const used = new Set<string>();
  for (let count = 0; count < 9_000; count += 1) used.add(petName(used));
  assert.equal(used.size, 9_000);
  const plain = [...used].filter((name) => /^[a-z]+-[a-z]+-[a-z]+$/.test(name));
  assert.ok(plain.length > 7_000, `${plain.length}`);
  assert.ok([...used].every((name) => /^[a-z]+(-[a-z]+){2}(-\d+)?$/.test(name)));
});
