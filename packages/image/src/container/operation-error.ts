/**
 * An operation on this machine failed in a way a user can act on.
 * `code` is stable and kebab-case; `message` says what happened to what; `fix` says what to do next.
 */
export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: string;
  readonly fix: string | undefined;

  constructor(code: string, message: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
  }
}

export function isOperationError(error: unknown, code?: string): error is OperationError {
  return error instanceof OperationError && (code === undefined || error.code === code);
}
