import { closeSync, openSync, readFileSync, readSync } from "node:fs";

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

let thisBoot: string | undefined;

/** Of the boot that this program runs in; it cannot outlive it. */
export function bootId(): string {
  thisBoot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return thisBoot;
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

/** Longer than any /proc/PID/stat. Hundreds of processes are looked at every two seconds: nothing is allocated for that but the line. */
const line = Buffer.allocUnsafeSlow(2_048);

function processStat(pid: number): { readonly ended: boolean; readonly startTicks: number } | undefined {
  const text = readLine(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command name is in parentheses and may itself hold any character, so fields are counted from the last ')'.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ", 20);
  const state = fields[0] ?? "X";
  // A zombie, or an init whose namespace waits for its parent to collect its children: neither runs any code again.
  const ended = state === "Z" || state === "X" || (Number(fields[6]) & PF_EXITING) !== 0;
  return { ended, startTicks: Number(fields[19]) };
}

function readLine(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return line.toString("latin1", 0, readSync(file, line, 0, line.length, 0));
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
