import assert from "node:assert/strict";
import { test } from "node:test";
import { HostError } from "../errors/host-error.ts";
import { checkGrowth, checkResources } from "./admission.ts";
import { sampleState } from "./node-state.sample.ts";
import { contentOf, type NodeState, type VmConfig } from "./node-state.ts";

const vm = (change: Partial<VmConfig>): VmConfig => ({
  ...{ vcpu_count: 0, mem_size_mb: 0, disk_size_gb: 0, ramdisks: [] },
  ...change,
});
const node = (name: string, change: Partial<VmConfig>, elsewhere: string | null = null) =>
  sampleState({ name, vm_config: vm(change), data_directory: elsewhere });
const machine = { cores: 4, overcommit: 1, memoryBytes: 8e9, diskBytes: 1000e9, freeDiskBytes: 900e9 };

function refusal(needed: Partial<VmConfig>, others: Parameters<typeof checkResources>[1], on = machine): string {
  return refusalOf(() => checkResources(vm(needed), others, on));
}

function refusalOf(check: () => void): string {
  try {
    check();
    return "";
  } catch (error) {
    assert.ok(error instanceof HostError && error.code === "no_resources");
    return `${error.message}; ${error.hint.split("; delete")[0]}`;
  }
}

test("space that others asked for and do not use yet is not given away, nor is the reserve, nor what is not free", () => {
  const others = [node("big", { disk_size_gb: 400 }), node("small", { disk_size_gb: 100 }), node("none", {})];
  assert.equal(refusal({ disk_size_gb: 450 }, others), "");
  assert.equal(
    refusal({ disk_size_gb: 451 }, others),
    "not enough disk space to allocate for the node: required=451, available=450; " +
      "the machine has 1000 GB, of which nodes asked for most: big 400, small 100",
  );
  assert.match(refusal({ disk_size_gb: 900 }, [], { ...machine, freeDiskBytes: 899e9 }), /available=899; .* 1000 GB$/);
  assert.equal(refusal({ disk_size_gb: 900 }, [node("moved", { disk_size_gb: 400 }, "/mnt")]), "");
  const kept = { ...node("kept", { disk_size_gb: 400 }, "/mnt"), space: { kind: "image", gb: 400 } } as const;
  assert.match(refusal({ disk_size_gb: 900 }, [kept]), /available=550;/);
});

test("on a machine that is promised too often nothing more fits, and what needs nothing does", () => {
  const others = [node("huge", { disk_size_gb: 2000, mem_size_mb: 9000, vcpu_count: 8 })];
  assert.equal(refusal({}, others), "");
  assert.match(refusal({ disk_size_gb: 1 }, others), /required=1, available=0;/);
  assert.equal(
    refusal({ mem_size_mb: 1 }, others),
    "not enough memory to allocate for the node; required=1 MB, available=-1000 MB; " +
      "the machine has 8000 MB, of which nodes asked for most: huge 9000",
  );
  assert.match(refusal({ vcpu_count: 1 }, [node("a", { vcpu_count: 4 })]), /^not enough vcpu .* available=0; .* a 4$/);
  const sharing = { ...machine, overcommit: 4 };
  assert.equal(refusal({ vcpu_count: 12 }, [node("a", { vcpu_count: 4 })], sharing), "");
  assert.match(
    refusal({ vcpu_count: 13 }, [node("a", { vcpu_count: 4 })], sharing),
    /required=13, available=12; the machine has 16 cores to promise \(4 for each of 4\), .* a 4$/,
  );
});

test("an upgrade is asked for what it needs beyond what the node has, also while another one is under way", () => {
  const [mine, other] = [node("mine", { disk_size_gb: 600, mem_size_mb: 7000 }), node("other", { disk_size_gb: 300 })];
  const refused = (needed: Partial<VmConfig>, one = mine, two = other) =>
    refusalOf(() => checkGrowth(vm(needed), one, [one, two], { ...machine, freeDiskBytes: 100e9 }));
  assert.equal(refused({ disk_size_gb: 650, mem_size_mb: 8000 }), "");
  assert.match(refused({ disk_size_gb: 651 }), /^not enough disk space .* required=51, available=50;/);
  assert.match(refused({ mem_size_mb: 8001 }), /required=1001 MB, available=1000 MB/);
  assert.equal(refused({ disk_size_gb: 600 }, mine, node("huge", { disk_size_gb: 5000 })), "");
  assert.equal(refused({ disk_size_gb: 5000 }, node("mine", { disk_size_gb: 1 }, "/mnt")), "");
  const growing = { ...other, upgrade: { ...upgradeTo({ ...other, vm_config: vm({ disk_size_gb: 340 }) }) } };
  assert.match(refused({ disk_size_gb: 650 }, mine, growing), /required=50, available=10; .* other 340$/);
});

function upgradeTo(state: NodeState): NonNullable<NodeState["upgrade"]> {
  return {
    stage: "prepare",
    target: contentOf(state),
    was_running: false,
    data_stamp: null,
    force: false,
    need_rollback: null,
    smoke_check: false,
    watch: null,
    checked: false,
  };
}
