import { statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { HostError } from "../errors/host-error.ts";
import type { NodeState, VmConfig } from "./node-state.ts";

/** An image may ask for a babel at most as new as ours; patch numbers do not count (spec host-daemon §4.2, check 1). */
export function checkBabelVersion(minimum: string, own: string): void {
  const wanted = parseVersion(minimum);
  if (wanted === undefined) throw new HostError("invalid", `failed to parse min_babel_version=${minimum}`);
  const [major = 0, minor = 0] = parseVersion(own) ?? [];
  if (wanted[0] < major || (wanted[0] === major && wanted[1] <= minor)) return;
  throw new HostError(
    "unsupported",
    `image require never version of babel '${minimum}' while current is '${own}' - upgrade bv first`,
  );
}

function parseVersion(text: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

const mb = 1_000_000;
const gb = 1_000_000_000;

/** Declared needs of all nodes against what the machine has; `own` is what the node itself already holds (spec §4.2 check 5, §4.10). */
export async function checkResources(
  needed: VmConfig,
  others: readonly NodeState[],
  directory: string,
  machine = { cores: availableParallelism(), memoryBytes: totalmem() },
): Promise<void> {
  const declared = (pick: (vm: VmConfig) => number): number =>
    others.reduce((sum, { vm_config: vm }) => sum + pick(vm), 0);
  const hint = "delete a node, choose a smaller variant, or set maintenance_mode in blockvisor.json to skip this check";
  const { bavail, bsize } = await statfs(directory);
  const disk = Math.floor((bavail * bsize) / gb);
  if (needed.disk_size_gb > disk) {
    const message = `not enough disk space to allocate for the node: required=${needed.disk_size_gb}, available=${disk}`;
    throw new HostError("no_resources", message, { hint });
  }
  const memory = Math.floor(machine.memoryBytes / mb) - declared((vm) => vm.mem_size_mb);
  if (needed.mem_size_mb > memory) {
    throw new HostError("no_resources", "not enough memory to allocate for the node", {
      hint: `required=${needed.mem_size_mb} MB, available=${memory} MB; ${hint}`,
    });
  }
  const cores = machine.cores - declared((vm) => vm.vcpu_count);
  if (needed.vcpu_count > cores) {
    throw new HostError("no_resources", "not enough vcpu to allocate for the node", {
      hint: `required=${needed.vcpu_count}, available=${cores}; ${hint}`,
    });
  }
}
