import type { ResourceLimits } from "../cgroups/index.ts";
import type { NodeHost } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";

/** Processes and threads of a node: far above what protocols need, far below what would take the machine down. */
const maxProcesses = 16_384;

/** What a node may use of the machine, as its state and the host's configuration say. */
export function limitsOf(host: NodeHost, state: NodeState): ResourceLimits {
  const { cpu_limit: limitCpu, memory_limit: limitMemory } = host.config.runtime;
  const memoryMb = state.vm_config.mem_size_mb;
  return {
    pids: maxProcesses,
    ...(limitMemory && memoryMb > 0 ? { memoryBytes: memoryMb * 1_000_000 } : {}),
    ...(limitCpu && state.assigned_cpus.length > 0 ? { cpus: state.assigned_cpus } : {}),
  };
}
