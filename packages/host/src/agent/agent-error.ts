import { ErrorDetailSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError } from "@connectrpc/connect";

/** A call to babel failed. `code` is babel's own stable code (`job_not_found`, …), or `agent_unreachable`, `agent_timeout`, `agent_failed`. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: string;
  readonly hint: string;
  readonly grpc: Code;

  constructor(
    code: string,
    grpc: Code,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.grpc = grpc;
    this.hint = options.hint ?? "";
  }

  /** Babel did not answer; says nothing about whether the call had an effect. */
  get unreachable(): boolean {
    return this.grpc === Code.Unavailable;
  }
}

/** Babel attaches a detail to every error it raises itself, so an error without one comes from the connection. */
export function agentErrorOf(error: unknown, operation: string): AgentError {
  const failure = ConnectError.from(error);
  const detail = failure.findDetails(ErrorDetailSchema)[0];
  if (detail) {
    const code = detail.code.replaceAll("-", "_");
    return new AgentError(code, failure.code, detail.message, { hint: detail.hint, cause: failure });
  }
  const about = `${operation}: ${failure.rawMessage}`;
  switch (failure.code) {
    case Code.DeadlineExceeded:
      return new AgentError("agent_timeout", failure.code, `babel did not answer in time (${operation})`, {
        cause: failure,
      });
    case Code.Canceled:
      return new AgentError("cancelled", failure.code, `given up (${operation})`, { cause: failure });
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
      });
  }
}
