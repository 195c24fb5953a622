/** Limits of one node. Absent: not limited. */
export interface ResourceLimits {
  /** Bytes of memory, ram disks included; swap is not given on top. */
  readonly memoryBytes?: number;
  /** Numbers of the cores the node may run on. */
  readonly cpus?: readonly number[];
  /** As much time as so many cores have, on whichever; where there is too little for all, they share by this number. */
  readonly cpuTime?: number;
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
