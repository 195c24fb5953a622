import type { DiskIo } from "./disk-io.ts";

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
  /** Share of disks that have too little for all, 10 to 1000; who says nothing has 100. */
  readonly diskWeight?: number;
  readonly diskRate?: DiskRate;
}

/** Bytes a second, at most; absent: as many as the disk can. */
export interface DiskRate {
  readonly readBytes?: number;
  readonly writtenBytes?: number;
}

export interface ResourceUsage {
  readonly memoryBytes: number;
  readonly cpuMicroseconds: number;
  readonly pids: number;
  /** Processes the kernel killed since the container's start because the memory limit was reached. */
  readonly oomKills: number;
  /** Since the cgroup was made, of disks, not of the cache; undefined where the kernel does not count it. */
  readonly disk: DiskIo | undefined;
}
