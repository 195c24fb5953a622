import assert from "node:assert/strict";
import { test } from "node:test";
import { HostError } from "../errors/host-error.ts";
import { checkResources } from "./admission.ts";
import { sampleState } from "./node-state.sample.ts";
import type { VmConfig } from "./node-state.ts";

const vm = (change: Partial<VmConfig>): VmConfig => ({
  ...{ vcpu_count: 0, mem_size_mb: 0, disk_size_gb: 0, ramdisks: [] },
  ...change,
});
const node = (name: string, change: Partial<VmConfig>, elsewhere: string | null = null) =>
  sampleState({ name, vm_config: vm(change), data_directory: elsewhere });
const machine = { cores: 4, memoryBytes: 8e9, diskBytes: 1000e9, freeDiskBytes: 900e9 };

function refusal(needed: Partial<VmConfig>, others: Parameters<typeof checkResources>[1], on = machine): string {
  try {
    checkResources(vm(needed), others, on);
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
});

test("on a machine that is promised too often nothing more fits, and what needs nothing does", () => {
  const others = [node("huge", { disk_size_gb: 2000, mem_size_mb: 9000, vcpu_count: 8 })];
  assert.equal(refusal({}, [node("huge", { disk_size_gb: 2000 })]), "");
  assert.match(refusal({ disk_size_gb: 1 }, others), /required=1, available=0;/);
  assert.equal(
    refusal({ mem_size_mb: 1 }, others),
    "not enough memory to allocate for the node; required=1 MB, available=-1000 MB; " +
      "the machine has 8000 MB, of which nodes asked for most: huge 9000",
  );
  assert.match(refusal({ vcpu_count: 1 }, [node("a", { vcpu_count: 4 })]), /^not enough vcpu .* available=0; .* a 4$/);
});
