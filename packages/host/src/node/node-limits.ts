import type { ResourceLimits } from "../cgroups/index.ts";
import { onlineCpus } from "./cpu-topology.ts";
import type { NodeHost } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";

/** Processes and threads of a node: far above what protocols need, far below what would take the machine down. */
const maxProcesses = 16_384;

/** What a node may use of the machine, as its state and the host's configuration say. */
export function limitsOf(host: Pick<NodeHost, "config">, state: NodeState): ResourceLimits {
  const { cpu_limit: limitCpu, memory_limit: limitMemory } = host.config.runtime;
  const memoryMb = state.vm_config.mem_size_mb;
  return {
    pids: maxProcesses,
    diskWeight: diskWeightOf(state),
    ...diskRateOf(host),
    ...(limitMemory && memoryMb > 0 ? { memoryBytes: memoryMb * 1_000_000 } : {}),
    ...(limitCpu ? cpuLimits(state) : {}),
  };
}

/** Disks are shared by the size of nodes, as their cores are; dev nodes, which have none of their own, come last. */
function diskWeightOf({ vm_config: { vcpu_count: cores } }: NodeState): number {
  return cores > 0 ? Math.min(1_000, cores * 100) : 50;
}

function diskRateOf({ config }: Pick<NodeHost, "config">): Pick<ResourceLimits, "diskRate"> {
  const { disk_read_mbps: read, disk_write_mbps: written } = config.runtime;
  if (read === undefined && written === undefined) return {};
  const bytes = (mb: number): number => Math.round(mb * 1_000_000);
  return {
    diskRate: {
      ...(read === undefined ? {} : { readBytes: bytes(read) }),
      ...(written === undefined ? {} : { writtenBytes: bytes(written) }),
    },
  };
}

function cpuLimits({ cpu_policy: policy, assigned_cpus: cores, vm_config: vm }: NodeState): ResourceLimits {
  if (policy === "shared") return vm.vcpu_count > 0 ? { cpuTime: vm.vcpu_count } : {};
  if (cores.length === 0) return {};
  // What was unplugged is not waited for.
  const online = new Set(onlineCpus());
  const cpus = cores.filter((core) => online.has(core));
  return cpus.length > 0 ? { cpus } : { cpuTime: cores.length };
}
