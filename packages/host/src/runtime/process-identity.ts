import { readFileSync } from "node:fs";

/** Of the kernel's task flags (field 9 of /proc/PID/stat): has let go of its memory, files, namespaces and cgroups. */
const PF_EXITING = 0x4;

/** A process that can be told from any later one with the same pid (spec host-daemon DB-4.10, DB-5.12). */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks between boot and the start of the process. */
  readonly startTicks: number;
  /** /proc/sys/kernel/random/boot_id at that time. */
  readonly bootId: string;
}

export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** The identity of a live process; `undefined` when there is none, or only what is left of a dead one. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = processStat(pid);
  return stat && !stat.ended ? { pid, startTicks: stat.startTicks, bootId: bootId() } : undefined;
}

export function isAlive(process: ProcessIdentity): boolean {
  const stat = processStat(process.pid);
  return stat !== undefined && !stat.ended && stat.startTicks === process.startTicks && bootId() === process.bootId;
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

function processStat(pid: number): { readonly ended: boolean; readonly startTicks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may itself hold any character, so fields are counted from the last ')'.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0] ?? "X";
  // A zombie, or an init whose namespace waits for its parent to collect its children: neither runs any code again.
  const ended = state === "Z" || state === "X" || (Number(fields[6]) & PF_EXITING) !== 0;
  return { ended, startTicks: Number(fields[19]) };
}
