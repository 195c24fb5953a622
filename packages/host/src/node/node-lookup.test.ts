import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveNode } from "./node-lookup.ts";

const nodes = [
  { id: "a2c9e1f4-0000-4000-8000-000000000001", name: "brave-red-fox" },
  { id: "a2c9e1f4-0000-4000-8000-000000000002", name: "brave-red-foxes" },
  { id: "b0000000-0000-4000-8000-000000000003", name: "calm" },
];

const found: readonly (readonly [reference: string, name: string])[] = [
  ["a2c9e1f4-0000-4000-8000-000000000002", "brave-red-foxes"],
  ["A2C9E1F4-0000-4000-8000-000000000002", "brave-red-foxes"],
  ["{a2c9e1f4-0000-4000-8000-000000000001}", "brave-red-fox"],
  ["urn:uuid:a2c9e1f4-0000-4000-8000-000000000001", "brave-red-fox"],
  ["a2c9e1f4000040008000000000000001", "brave-red-fox"],
  ["brave-red-fox", "brave-red-fox"], // a whole name wins over a longer one
  ["b0", "calm"],
  ["ca", "calm"],
];

for (const [reference, name] of found) {
  test(`'${reference}' is ${name}`, () => assert.equal(resolveNode(reference, nodes).name, name));
}

test("a prefix of several nodes is refused with all of them", () => {
  assert.throws(() => resolveNode("brave", nodes), {
    code: "ambiguous",
    candidates: [
      "brave-red-fox (a2c9e1f4-0000-4000-8000-000000000001)",
      "brave-red-foxes (a2c9e1f4-0000-4000-8000-000000000002)",
    ],
  });
});

for (const reference of ["", "x", "."]) {
  test(`'${reference}' is no node`, () => {
    assert.throws(() => resolveNode(reference, nodes), {
      code: "not_found",
      message: `Node with name \`${reference}\` not found`,
    });
  });
}
