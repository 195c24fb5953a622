import type { Diagnostic } from "../errors/diagnostic.ts";
import type { Span } from "../errors/position.ts";
import type { Script } from "./script.ts";

/** Notes a finding; `hint` says what to do about it. */
export type Report = (where: Span, message: string, hint?: string | null) => void;

/** One thing that can be wrong with a script that parses. */
export interface Rule {
  readonly severity: Diagnostic["severity"];
  /** One line for documentation: what the rule finds. */
  readonly about: string;
  /** Says nothing about scripts with syntax errors, because it would take what is missing for a mistake. */
  readonly needsWholeScript?: boolean;
  readonly check: (script: Script, report: Report) => void;
}
