import { Code } from "@connectrpc/connect";

/** A failure with a stable code, that callers of the agent see as it is. (D1-10) */
export class Failure extends Error {
  readonly code: string;
  readonly status: Code;
  readonly hint: string;

  constructor(status: Code, code: string, message: string, hint = "") {
    super(message);
    this.name = "Failure";
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

export const notFound = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.NotFound, code, message, hint);
export const invalid = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.InvalidArgument, code, message, hint);
export const refused = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.FailedPrecondition, code, message, hint);
export const exhausted = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.ResourceExhausted, code, message, hint);
export const timedOut = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.DeadlineExceeded, code, message, hint);
export const unavailable = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.Unavailable, code, message, hint);
export const internal = (code: string, message: string, hint?: string): Failure =>
  new Failure(Code.Internal, code, message, hint);
