import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "@blockvisor/image/container";
import { isAlive, type ProcessIdentity, signalProcess } from "./process-identity.ts";

const POLL_MS = 10;
const SETUP_TIMEOUT_MS = 500;
const SIGTERM_BIT = 1n << 14n;
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
    await handlesSignals(init);
    if (signalProcess(init, "SIGTERM") && (await gone(init, options.timeoutMs, options.signal))) return;
  }
  signalProcess(init, "SIGKILL");
  if (await gone(init, KILL_TIMEOUT_MS, options.signal)) return;
  throw new OperationError("container-stop-failed", `process ${init.pid} does not die`, {
    fix: "it is probably stuck in the kernel (disk or network file system); see ps -o pid,stat,wchan",
  });
}

/**
 * The kernel drops a signal for process 1 of a namespace that does not handle it yet: one that was started a moment ago is given
 * time to set that up. One that never does is killed in the end anyway.
 */
async function handlesSignals(init: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + SETUP_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const status = await readFile(`/proc/${init.pid}/status`, "utf8").catch(() => undefined);
    if (status === undefined) return;
    const masks = [...status.matchAll(/^Sig(?:Cgt|Blk):\s*([0-9a-f]+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
    if (masks.some((mask) => (mask & SIGTERM_BIT) !== 0n)) return;
    await delay(POLL_MS);
  }
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
