import assert from "node:assert/strict";
import { test } from "node:test";
import { switched, switchedBack } from "./after-failure.ts";
import { CpuRegistry, coresOf } from "./cpu-registry.ts";
import { sampleState } from "./node-state.sample.ts";
import { contentOf, type NodeState } from "./node-state.ts";

const owner = sampleState({ dev_mode: false, assigned_cpus: [3, 2], expected_status: "Running" });
const upgrade = {
  ...({ stage: "stop", target: contentOf(owner), was_running: true, data_stamp: null, force: false } as const),
  ...{ need_rollback: null, smoke_check: false, checked: true },
};

test("cores that a node reserved are given to no other, and what it owned is its own until it is assigned anew", () => {
  const cpus = new CpuRegistry(4);
  assert.deepEqual(cpus.reserve("a", 2, []), [3, 2]);
  assert.deepEqual(cpus.reserve("a", 1, [3, 2]), [3]);
  assert.deepEqual(cpus.reserve("b", 2, []), [1, 0]);
  assert.throws(() => cpus.reserve("c", 1, []), { code: "no_resources" });
  cpus.assign("a", [3]);
  assert.deepEqual(cpus.reserve("c", 1, []), [2]);
});

test("an upgrade holds the cores of both versions until nothing can make it go back", () => {
  const shrunk: NodeState = { ...owner, ...switched({ ...owner, upgrade }, [3]) };
  assert.deepEqual(coresOf(shrunk), [3, 2]);
  const failed: NodeState = { ...shrunk, upgrade: { ...upgrade, stage: "back_stop", need_rollback: "no" } };
  assert.deepEqual(coresOf(failed), [3, 2]);
  assert.deepEqual(coresOf({ ...failed, ...switchedBack(failed) }), [3, 2]);
  assert.deepEqual(coresOf({ ...shrunk, upgrade: null }), [3]);
});

test("what an earlier upgrade replaced has no cores any more, also when a person goes back to it", () => {
  const later: NodeState = { ...owner, ...switched({ ...owner, upgrade }, [3]), upgrade: null };
  assert.deepEqual(coresOf({ ...later, upgrade: { ...upgrade, stage: "prepare" } }), [3]);
  const goingBack: NodeState = { ...later, upgrade: { ...upgrade, stage: "back_stop" } };
  assert.deepEqual(coresOf(goingBack), [3]);
  assert.deepEqual(coresOf({ ...goingBack, ...switchedBack(goingBack, [3, 1]) }), [3, 1]);
});
