import type { ParseErrorKind } from "./kinds.ts";

/** One finding in a source, as parser and checker report it. Offsets are UTF-16, `end` exclusive. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** Stable code: the kind of a syntax error, or the name of a checker rule. */
  readonly code: ParseErrorKind | (string & {});
  readonly message: string;
  readonly start: number;
  readonly end: number;
  readonly hint?: string;
}
