import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { exitFromStatus, type ProcessExit } from "./container-end.ts";

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

/** How a process has ended, as long as its parent has not collected it. */
export function exitOf(process: ProcessIdentity): ProcessExit | undefined {
  const stat = processStat(process.pid);
  if (stat?.exitStatus === undefined || stat.startTicks !== process.startTicks || bootId() !== process.bootId)
    return undefined;
  return exitFromStatus(stat.exitStatus);
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

/** Longer than any /proc/PID/stat. Hundreds of processes are looked at every few seconds, so nothing is made for that but numbers. */
const line = Buffer.allocUnsafeSlow(2_048);
const [space, zero, closing] = [0x20, 0x30, 0x29];
const [zombie, dead] = [0x5a, 0x58];

interface ProcessStat {
  readonly ended: boolean;
  readonly startTicks: number;
  /** As `wait` tells it; only of a zombie. */
  readonly exitStatus: number | undefined;
}

function processStat(pid: number): ProcessStat | undefined {
  const length = readLine(`/proc/${pid}/stat`);
  if (length === undefined) return undefined;
  // The command name is in parentheses and may itself hold any character, so fields are counted from the last ')'.
  const state = line.lastIndexOf(closing, length - 1) + 2;
  const [flags, startTicks] = [numberAfter(state, 6, length), numberAfter(state, 19, length)];
  // A zombie, or an init whose namespace waits for its parent to collect its children: neither runs any code again.
  const ended = line[state] === zombie || line[state] === dead || (flags & PF_EXITING) !== 0;
  const exitStatus = line[state] === zombie ? numberAfter(state, 49, length) : undefined;
  return { ended, startTicks, exitStatus };
}

/** The number that begins so many spaces behind `start`. */
function numberAfter(start: number, spaces: number, end: number): number {
  let at = start;
  for (let left = spaces; left > 0 && at < end; at += 1) if (line[at] === space) left -= 1;
  let number = 0;
  for (let digit = digitAt(at); digit >= 0 && digit <= 9; digit = digitAt(at)) {
    number = number * 10 + digit;
    at += 1;
  }
  return number;
}

function digitAt(at: number): number {
  return (line[at] ?? 0) - zero;
}

/** Fills `line` and returns how long it is; `undefined` when there is nothing to read. */
function readLine(path: string): number | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return readSync(file, line, 0, line.length, 0);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
