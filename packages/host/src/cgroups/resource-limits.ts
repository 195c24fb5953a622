/** Limits of one node. Absent: not limited. */
export interface ResourceLimits {
  /** Bytes of memory, ram disks included; swap is not given on top. */
  readonly memoryBytes?: number;
  /** Numbers of the cores the node may run on. */
  readonly cpus?: readonly number[];
  /** Processes and threads. */
  readonly pids?: number;
}

export interface ResourceUsage {
  readonly memoryBytes: number;
  readonly cpuMicroseconds: number;
  readonly pids: number;
  /** Processes the kernel killed since the container's start because the memory limit was reached. */
  readonly oomKills: number;
}
