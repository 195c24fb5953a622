import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHostConfig } from "../config/host-config.ts";
import { switched, switchedBack } from "./after-failure.ts";
import { CpuRegistry, coresOf } from "./cpu-registry.ts";
import { limitsOf } from "./node-limits.ts";
import { sampleState } from "./node-state.sample.ts";
import { contentOf, type NodeState } from "./node-state.ts";

const owner = sampleState({ dev_mode: false, assigned_cpus: [3, 2], expected_status: "Running" });
const upgrade = {
  ...({ stage: "stop", target: contentOf(owner), was_running: true, data_stamp: null, force: false } as const),
  ...{ need_rollback: null, smoke_check: false, checked: true, watch: null },
};

/** A machine's processors by physical core, and those of a second NUMA node. */
const registry = (...numaNodes: readonly (readonly (readonly number[])[])[]) =>
  new CpuRegistry(
    numaNodes.flatMap((cores, numaNode) =>
      cores.flatMap((siblings) => siblings.map((cpu) => ({ cpu, core: Math.min(...siblings), numaNode }))),
    ),
  );

test("processors of one physical core go to one node, as far as that can be", () => {
  const cpus = registry([
    [0, 4],
    [1, 5],
    [2, 6],
    [3, 7],
  ]);
  assert.deepEqual(cpus.reserve("pair", 2, [], "exclusive"), [7, 3]);
  assert.deepEqual(cpus.reserve("odd", 3, [], "exclusive"), [6, 2, 5]);
  assert.deepEqual(cpus.reserve("single", 1, [], "exclusive"), [1]);
  assert.deepEqual(cpus.reserve("last", 2, [], "exclusive"), [4, 0]);
  cpus.release("single");
  cpus.release("last");
  assert.deepEqual(cpus.reserve("odd", 5, [6, 2, 5], "exclusive"), [6, 2, 5, 1, 4]);
});

test("cores close to each other are where the node is already, or where it fits most tightly; a node that shares has none", () => {
  const cpus = registry([[0], [1], [2], [3]], [[4], [5]]);
  assert.deepEqual(cpus.reserve("small", 1, [], "exclusive"), [5]);
  assert.deepEqual(cpus.reserve("two", 2, [], "numa-local"), [3, 2]);
  assert.deepEqual(cpus.reserve("one", 1, [], "numa-local"), [4]);
  cpus.release("small");
  assert.deepEqual(cpus.reserve("two", 3, [3, 2], "numa-local"), [3, 2, 1]);
  assert.deepEqual(cpus.reserve("wide", 2, [], "numa-local"), [5, 0]);
  assert.deepEqual(cpus.reserve("sharing", 64, [], "shared"), []);
});

test("limits follow the policy that the node was made with", () => {
  const config = parseHostConfig('{ "mode": "dev" }', "blockvisor.json");
  const cpuOf = (change: Partial<NodeState>) => {
    const {
      pids: _,
      memoryBytes: __,
      diskWeight: ___,
      ...cpu
    } = limitsOf({ config }, sampleState({ ...change, vm_config: vm }));
    return cpu;
  };
  const vm = { vcpu_count: 2, mem_size_mb: 0, disk_size_gb: 0, ramdisks: [] };
  assert.deepEqual(cpuOf({ cpu_policy: "shared" }), { cpuTime: 2 });
  assert.deepEqual(cpuOf({ assigned_cpus: [0] }), { cpus: [0] });
  // Cores that were unplugged: one of two, or all.
  assert.deepEqual(cpuOf({ assigned_cpus: [4096, 0] }), { cpus: [0] });
  assert.deepEqual(cpuOf({ assigned_cpus: [4096, 4097] }), { cpuTime: 2 });
  assert.deepEqual(cpuOf({}), {});
  const weightOf = (cores: number) =>
    limitsOf({ config }, sampleState({ vm_config: { ...vm, vcpu_count: cores } })).diskWeight;
  assert.deepEqual([0, 1, 2, 64].map(weightOf), [50, 100, 200, 1_000]);
  const slow = parseHostConfig('{ "mode": "dev", "containers": { "disk_write_mbps": 1.5 } }', "blockvisor.json");
  assert.deepEqual(limitsOf({ config: slow }, sampleState({})).diskRate, { writtenBytes: 1_500_000 });
});

test("cores that a node reserved are given to no other, and what it owned is its own until it is assigned anew", () => {
  const cpus = registry([[0], [1], [2], [3]]);
  assert.deepEqual(cpus.reserve("a", 2, [], "exclusive"), [3, 2]);
  assert.deepEqual(cpus.reserve("a", 1, [3, 2], "exclusive"), [3]);
  assert.deepEqual(cpus.reserve("b", 2, [], "exclusive"), [1, 0]);
  assert.throws(() => cpus.reserve("c", 1, [], "exclusive"), { code: "no_resources" });
  cpus.assign("a", [3]);
  assert.deepEqual(cpus.reserve("c", 1, [], "exclusive"), [2]);
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
