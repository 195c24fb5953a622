import { readFileSync } from "node:fs";

const COUNTERS = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"] as const;

/** How often the kernel killed a process of this container for lack of memory; 0 where the cgroup is not visible. */
export function oomKills(): number {
  for (const path of COUNTERS) {
    const count = /^oom_kill (\d+)$/m.exec(textOf(path))?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
