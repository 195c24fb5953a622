import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** MiB resident and file descriptors, the most that was seen. */
export interface Peak {
  rss: number;
  fds: number;
}

/** Waits until a process has ended, and raises `peak` to what it took meanwhile, looked at every `everyMs`. */
export async function watchFootprint(child: ChildProcess, peak: Peak, everyMs: number): Promise<void> {
  const watch = setInterval(() => {
    try {
      const proc = `/proc/${child.pid}`;
      const status = readFileSync(`${proc}/status`, "utf8");
      peak.rss = Math.max(peak.rss, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
      peak.fds = Math.max(peak.fds, readdirSync(`${proc}/fd`).length);
    } catch {}
  }, everyMs);
  await once(child, "exit").finally(() => clearInterval(watch));
}
