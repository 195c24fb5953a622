import { readBounded } from "../files/durable.ts";

const COUNTERS = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"] as const;

/** How often the kernel killed a process of this container for lack of memory; 0 where the cgroup is not visible. */
export async function oomKills(): Promise<number> {
  for (const path of COUNTERS) {
    const text = (await readBounded(path, 4096).catch(() => undefined))?.toString("latin1");
    const count = text === undefined ? undefined : /^oom_kill (\d+)$/m.exec(text)?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}
