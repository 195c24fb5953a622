import { readFileSync } from "node:fs";

/** Which process: a pid alone may be reused, pid and start time are not within one boot. */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number };

export type ProcessStat = ProcessIdentity & {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
};

/** What the kernel says about a process, or undefined if there is none. */
export function statOf(pid: number): ProcessStat | undefined {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** The command name is in parentheses and may itself contain any byte: fields are counted from the last `)`. */
function parseStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, , session] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined) return undefined;
  return { pid, state, parent: Number(parent), session: Number(session), startTicks: Number(startTicks) };
}

/** A zombie has ended: it only waits to be collected. */
export const hasEnded = (stat: ProcessStat): boolean => stat.state === "Z" || stat.state === "X";

export function isAlive(identity: ProcessIdentity): boolean {
  const stat = statOf(identity.pid);
  return stat !== undefined && stat.startTicks === identity.startTicks && !hasEnded(stat);
}

/** Sends a signal to exactly this process; false if it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Identity of this run of the container: kernel boot and start of its pid 1. Pids, start ticks and monotonic times that
 * were recorded under another boot id mean nothing. (D1-01)
 */
export function currentBoot(): string {
  const kernel = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return `${kernel}/${statOf(1)?.startTicks ?? 0}`;
}

/** Milliseconds since the kernel booted; comparable between processes, unmoved by clock changes. (D3-19) */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);
