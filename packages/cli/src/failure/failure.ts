import type { FailureName } from "./codes.ts";

export interface FailureDetails {
  /** What to do next, one line. */
  readonly hint?: string | undefined;
  /** What lies behind it, outermost first. */
  readonly causes?: readonly string[];
  /** What could have been meant. */
  readonly candidates?: readonly string[] | undefined;
  /** Text that is shown as it is below the message: code frames, the end of a build log. */
  readonly excerpt?: string | undefined;
  /** A machine-readable form of what failed, for `--format json`. */
  readonly data?: unknown;
  /** Where, when it is a place in a file. */
  readonly at?: { readonly file: string; readonly line?: number; readonly column?: number } | undefined;
}

/** Something that a user can meet: the one error type that commands throw on purpose. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureName;
  readonly details: FailureDetails;

  constructor(kind: FailureName, message: string, details: FailureDetails = {}) {
    super(message);
    this.kind = kind;
    this.details = details;
  }
}

/** The text of anything that was thrown, without a stack. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`ENOENT`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
