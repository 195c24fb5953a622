import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeView } from "../../../daemon/node-view.ts";
import { stepLines } from "./step-lines.ts";

test("an init, or upload, that has begun says how far it got and what comes next", () => {
  const linesOf = (node: Parameters<typeof nodeView>[0]) => stepLines(nodeView(node));
  const steps = { done: 3, total: 9, next: "rendering /etc/a" };
  assert.deepEqual(linesOf({ steps }), [["Init", "3 of 9 steps done, next: rendering /etc/a"]]);
  assert.deepEqual(linesOf({ steps, initialized: true }), [["Upload", "3 of 9 steps done, next: rendering /etc/a"]]);
  assert.deepEqual(linesOf({ steps: { done: 9, total: 9 } }), [["Init", "9 of 9 steps done"]]);
  assert.deepEqual(linesOf({}), []);
});
