import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "@blockvisor/image/container";
import { isAlive, type ProcessIdentity, signalProcess } from "./process-identity.ts";

const POLL_MS = 10;
/** An init that was started longer ago handles its signals. */
const SETUP_MS = 500;
/** Per second, of the times in /proc (USER_HZ, the same on every architecture we run on). */
const CLOCK_TICKS = 100;
/** The kernel ends the processes of a dead pid namespace one by one. */
const KILL_TIMEOUT_MS = 30_000;

/**
 * Ends a container's init: SIGTERM, after `timeoutMs` SIGKILL (0: at once), which takes everything in its pid namespace with it.
 * Resolves when it is gone. It is no child of ours, so there is no event to wait for. Errors: `aborted`, `container-stop-failed`.
 */
export async function endInit(
  init: ProcessIdentity,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  if (options.timeoutMs > 0) {
    signalProcess(init, "SIGTERM");
    if (ageOf(init) < SETUP_MS && !(await gone(init, Math.min(SETUP_MS, options.timeoutMs), options.signal))) {
      // The kernel drops a signal for process 1 of a namespace that does not handle it yet.
      signalProcess(init, "SIGTERM");
    }
    if (await gone(init, options.timeoutMs, options.signal)) return;
  }
  signalProcess(init, "SIGKILL");
  if (await gone(init, KILL_TIMEOUT_MS, options.signal)) return;
  throw new OperationError("container-stop-failed", `process ${init.pid} does not die`, {
    fix: "it is probably stuck in the kernel (disk or network file system); see ps -o pid,stat,wchan",
  });
}

/** Milliseconds since the process was started. */
function ageOf(init: ProcessIdentity): number {
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return (uptime - init.startTicks / CLOCK_TICKS) * 1_000;
}

async function gone(init: ProcessIdentity, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(init)) {
    if (signal?.aborted) throw new OperationError("aborted", "stopping the container was cancelled");
    if (Date.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
