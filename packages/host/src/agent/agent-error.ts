import { ErrorDetailSchema, RunShResponseSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError } from "@connectrpc/connect";

/** A call to babel failed. `code` is babel's own stable code (`job_not_found`, …), or `agent_unreachable`, `agent_timeout`, `agent_failed`. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: string;
  readonly hint: string;
  readonly grpc: Code;
  /** The call never reached babel, so it had no effect. */
  readonly undelivered: boolean;

  constructor(
    code: string,
    grpc: Code,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown; readonly undelivered?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.grpc = grpc;
    this.hint = options.hint ?? "";
    this.undelivered = options.undelivered ?? false;
  }

  /** Babel did not answer; says nothing about whether the call had an effect. */
  get unreachable(): boolean {
    return this.code === "agent_unreachable";
  }
}

/**
 * Babel attaches a detail to every error it raises itself, so an error without one comes from the connection.
 *
 * @param signal of the caller: when it is not aborted, a call that was cancelled has lost its babel
 */
export function agentErrorOf(error: unknown, operation: string, signal?: AbortSignal): AgentError {
  const failure = ConnectError.from(error);
  const detail = failure.findDetails(ErrorDetailSchema)[0];
  if (detail) {
    const code = detail.code.replaceAll("-", "_");
    const message = detail.message + printedBefore(failure);
    return new AgentError(code, failure.code, message, { hint: detail.hint, cause: failure });
  }
  const about = `${operation}: ${failure.rawMessage}`;
  switch (failure.code) {
    case Code.DeadlineExceeded:
      return new AgentError("agent_timeout", failure.code, `babel did not answer in time (${operation})`, {
        cause: failure,
      });
    case Code.Canceled:
      return new AgentError(
        "cancelled",
        failure.code,
        signal?.aborted ? `given up (${operation})` : `babel went away before it answered (${operation})`,
        { cause: failure },
      );
    case Code.InvalidArgument:
    case Code.NotFound:
    case Code.PermissionDenied:
    case Code.ResourceExhausted:
    case Code.Unauthenticated:
    case Code.Unimplemented:
      return new AgentError("agent_failed", failure.code, about, { cause: failure });
    default:
      return new AgentError("agent_unreachable", Code.Unavailable, `babel does not answer (${about})`, {
        cause: failure,
        undelivered: neverConnected(failure),
      });
  }
}

const printedCharacters = 1_000;

/** What a script had printed when its time was over: the end of it, where the reason is. (D2-04) */
function printedBefore(failure: ConnectError): string {
  const output = failure.findDetails(RunShResponseSchema)[0];
  if (output === undefined) return "";
  const printed = [["stdout", output.stdout] as const, ["stderr", output.stderr] as const]
    .filter(([, text]) => text.trim() !== "")
    .map(([stream, text]) => `\n${stream}: ${text.trim().slice(-printedCharacters)}`);
  return printed.length === 0 ? "; it had printed nothing" : `; it had printed${printed.join("")}`;
}

/** The connection was not made, or babel refused the request unseen, which HTTP/2 promises with REFUSED_STREAM. */
function neverConnected(failure: ConnectError): boolean {
  if (failure.rawMessage.includes("REFUSED_STREAM")) return true;
  for (let cause = failure.cause; cause instanceof Error; cause = cause.cause) {
    if ("syscall" in cause && cause.syscall === "connect") return true;
  }
  return false;
}
