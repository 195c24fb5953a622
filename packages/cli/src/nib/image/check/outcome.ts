import type { Diagnostic } from "@blockvisor/image";
import { hasErrors } from "@blockvisor/image";
import type { CheckName } from "./verb.ts";

/** What one check found. `metadata` stands for babel.yaml, which is always looked at first. */
export interface CheckOutcome {
  readonly name: CheckName | "metadata";
  readonly status: "passed" | "failed" | "skipped";
  readonly ms: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** Runs one check and measures it. It fails on errors, with `strict` also on warnings. */
export async function measured(
  name: CheckOutcome["name"],
  strict: boolean,
  check: () => Promise<readonly Diagnostic[]> | readonly Diagnostic[],
): Promise<CheckOutcome> {
  const started = performance.now();
  const diagnostics = await check();
  const failed = hasErrors(diagnostics) || (strict && diagnostics.length > 0);
  return { name, status: failed ? "failed" : "passed", ms: Math.round(performance.now() - started), diagnostics };
}

export function skipped(name: CheckOutcome["name"]): CheckOutcome {
  return { name, status: "skipped", ms: 0, diagnostics: [] };
}

export function passed(outcomes: readonly CheckOutcome[]): boolean {
  return outcomes.every(({ status }) => status === "passed");
}
