import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { hasEnded, isAlive, type ProcessIdentity, type ProcessStat, signalProcess, statOf } from "./identity.ts";

/** In the environment of every process of a run, through any number of forks. */
export const RUN_ID_VARIABLE = "BV_RUN_ID";

export type RunMark = {
  readonly runId: string;
  /** First process of the run; it leads a session of its own. */
  readonly leader?: ProcessIdentity | undefined;
};

/**
 * Living processes of a run: its session, everything that carries its id in the environment, and all their children.
 * Together these find double forks, own sessions, and programs that overwrite their environment. (D2-01)
 */
export function processesOfRun(mark: RunMark): readonly ProcessIdentity[] {
  const all = livingProcesses().filter((stat) => stat.pid !== process.pid);
  const needle = Buffer.from(`${RUN_ID_VARIABLE}=${mark.runId}\0`);
  const oldest = mark.leader?.startTicks ?? 0;
  const found = new Map<number, ProcessStat>();
  for (const stat of all) {
    if (stat.startTicks < oldest) continue;
    if (stat.session === mark.leader?.pid || carries(stat.pid, needle)) found.set(stat.pid, stat);
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const stat of all) if (found.has(stat.parent)) found.set(stat.pid, stat);
  }
  return [...found.values()].sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

function livingProcesses(): readonly ProcessStat[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => statOf(Number(entry)) ?? [])
    .filter((stat) => !hasEnded(stat));
}

export const childrenOf = (parent: number): readonly ProcessIdentity[] =>
  livingProcesses().filter((stat) => stat.parent === parent);

function carries(pid: number, needle: Buffer): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`);
    const at = environment.indexOf(needle);
    return at === 0 || (at > 0 && environment[at - 1] === 0);
  } catch {
    return false;
  }
}

export type Ending = {
  readonly signal: NodeJS.Signals;
  /** Milliseconds until SIGKILL. */
  readonly patienceMs: number;
};

/** SIGKILL may take this long to show, with disks that hang. */
const KILL_PATIENCE_MS = 5_000;
const POLL_MS = 25;

/**
 * Ends a run: the signal to its leader, then, when that is gone, to every process that is left; SIGKILL to all of them
 * when the time is over. Returns what still lives after that (uninterruptible I/O), normally nothing. (§3.3, D1-09)
 */
export async function endRun(mark: RunMark, ending: Ending): Promise<readonly ProcessIdentity[]> {
  const deadline = performance.now() + ending.patienceMs;
  if (mark.leader !== undefined && signalProcess(mark.leader, ending.signal)) {
    while (isAlive(mark.leader) && performance.now() < deadline) await delay(POLL_MS);
  }
  const asked = new Set<string>();
  let left = processesOfRun(mark);
  while (left.length > 0 && performance.now() < deadline) {
    for (const each of left) {
      const key = `${each.pid}/${each.startTicks}`;
      if (!asked.has(key)) signalProcess(each, ending.signal);
      asked.add(key);
    }
    await delay(POLL_MS);
    left = processesOfRun(mark);
  }
  return left.length === 0 ? left : killRun(mark);
}

/** SIGKILL to every process of a run, again and again until none is left: a process may fork while it is looked for. */
export async function killRun(mark: RunMark): Promise<readonly ProcessIdentity[]> {
  const deadline = performance.now() + KILL_PATIENCE_MS;
  for (;;) {
    const left = processesOfRun(mark);
    for (const each of left) signalProcess(each, "SIGKILL");
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(POLL_MS);
  }
}
