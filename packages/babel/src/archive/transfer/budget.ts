import { readFileSync } from "node:fs";

const DEFAULT_BYTES = 160 * 1024 * 1024;
const PART_OF_MEMORY = 0.2;
const CGROUP_LIMITS = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/** Bytes that the threads of a job may take: 160 MiB, in small containers a fifth of their memory. (D4-07) */
export function budgetBytes(memoryLimit: number | undefined = memoryLimitBytes()): number {
  return Math.min(DEFAULT_BYTES, Math.floor((memoryLimit ?? Number.POSITIVE_INFINITY) * PART_OF_MEMORY));
}

function memoryLimitBytes(): number | undefined {
  for (const path of CGROUP_LIMITS) {
    try {
      const bytes = Number(readFileSync(path, "utf8"));
      return Number.isFinite(bytes) ? bytes : undefined;
    } catch {}
  }
  return undefined;
}
