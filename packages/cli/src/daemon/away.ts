import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../failure/failure.ts";

const everyMs = 500;
/** A daemon that is replaced is back within a minute; a node whose agent is replaced, too. */
const patienceMs = 120_000;

/** Does what asks the daemon again while the daemon, or the node's agent, is being replaced; other failures are failures. */
export async function whileAway<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !isAway(error) || performance.now() > deadline) throw error;
      await pause(everyMs, undefined, { signal });
    }
  }
}

/** The daemon does not answer, is not ready yet, or cannot reach the node's agent right now. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  const code = (error.details.data as { readonly daemon_code?: string } | undefined)?.daemon_code;
  return (
    error.kind === "daemon-unreachable" || code === "gate" || code === "agent_unreachable" || code === "unavailable"
  );
}
