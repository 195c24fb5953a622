import type { Logger } from "pino";
import type { Condition } from "./conditions.ts";

/** EX_SOFTWARE. */
const exitCode = 70;

/** What nobody has handled, as `bv status` tells it. */
export interface UnexpectedErrors {
  conditions(): readonly Condition[];
}

/**
 * The policy for errors that nobody handles: bugs of ours, whoever may know how to cause them. Each is logged with its code and place.
 *
 * A promise that nobody waits for, and a connection whose end nobody listens to, is a piece of work that failed: everything else goes on,
 * as one container must not be able to end the daemon. After an exception out of a callback nobody knows what is half done in memory: the process ends,
 * the service manager starts the next one, and that goes on from what is on disk, which is whole at every moment. No node is touched by either.
 */
export function watchUnexpectedErrors(log: Logger, on: NodeJS.Process = process): UnexpectedErrors {
  let count = 0;
  let last = "";
  const note = (error: unknown): void => {
    count += 1;
    last = messageOf(error);
    log.error(
      { code: "internal", count, stack: error instanceof Error ? error.stack : undefined },
      `unexpected: ${last}`,
    );
  };
  on.on("unhandledRejection", note);
  on.on("uncaughtException", (error: unknown) => {
    if (isOfPeer(error)) return note(error);
    const { stack } = error instanceof Error ? error : { stack: undefined };
    log.fatal({ code: "internal", stack }, `unexpected: ${messageOf(error)}; ending, to go on from what is on disk`);
    on.exit(exitCode);
  });
  return {
    conditions: () => {
      const times = count === 1 ? "once" : `${count} times`;
      const message = `something failed unexpectedly, ${times} since the start: ${last}; report it with the log of blockvisord`;
      return count === 0 ? [] : [{ name: "internal", ok: false, message }];
    },
  };
}

const PEER_CODES: ReadonlySet<unknown> = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH"]);

/** The end of a connection, told by the operating system and not thrown by code that was in the middle of something. */
function isOfPeer(error: unknown): boolean {
  if (!(error instanceof Error) || !("syscall" in error)) return false;
  return error.syscall === "connect" || ("code" in error && PEER_CODES.has(error.code));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
