import { readdir, readFile } from "node:fs/promises";
import { statOf } from "../process/identity.ts";
import { childrenOf } from "../process/run-processes.ts";

/** Resident memory in kB: all of a process (`Rss`), or its part of pages that it shares with its like (`Pss`). */
export async function residentKb(pid: number, measure: "Rss" | "Pss" = "Rss"): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${measure}:\\s+(\\d+)`, "m").exec(text)?.[1]);
}

/** Processes that are there because of jobs, besides the jobs' own: of each a shim and a log writer with its copier. */
export function helpersOf(payloads: readonly number[]): ReadonlySet<number> {
  const helpers = new Set<number>();
  for (const payload of payloads) {
    const shim = statOf(payload)?.parent;
    if (shim === undefined) continue;
    helpers.add(shim);
    for (const writer of childrenOf(shim)) {
      if (payloads.includes(writer.pid)) continue;
      helpers.add(writer.pid);
      for (const copier of childrenOf(writer.pid)) helpers.add(copier.pid);
    }
  }
  return helpers;
}

export type Activity = {
  /** How often main threads gave up the processor to wait for something. */
  readonly wakeUps: number;
  /** Processor time of all threads. */
  readonly nanoseconds: number;
};

/** What these processes have done so far. */
export async function activityOf(pids: readonly number[]): Promise<Activity> {
  const each = await Promise.all(pids.map(async (pid) => [await wakeUps(pid), await processorTime(pid)] as const));
  return {
    wakeUps: each.reduce((sum, [count]) => sum + count, 0),
    nanoseconds: each.reduce((sum, [, time]) => sum + time, 0),
  };
}

async function wakeUps(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "latin1");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]);
}

async function processorTime(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "latin1")));
  return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0);
}
