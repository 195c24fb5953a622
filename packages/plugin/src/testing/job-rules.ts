import { constants } from "node:os";
import type { JobConfig, RestartConfig } from "../engine/job.ts";

/*
 * The rules by which the agent runs jobs (packages/babel/src/jobs/graph.ts and policy.ts), without processes. conformance/job-rules.json
 * keeps the two the same.
 */

/** What dependents see of a job. */
export type Standing =
  | { readonly kind: "active" }
  | { readonly kind: "ready" }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished"; readonly exitCode: number | null; readonly message: string };

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "waiting"; readonly for: readonly string[] }
  | { readonly kind: "blocked"; readonly message: string };

/** Whether a pending job may start, has to wait, or never can (spec babel-agent §3.6). */
export function readiness(
  name: string,
  { needs, wait_for }: Pick<JobConfig, "needs" | "wait_for">,
  standingOf: (name: string) => Standing | undefined,
): Readiness {
  const open = new Set<string>();
  const dependencies = [
    ...(needs ?? []).map((on) => ({ on, needed: true })),
    ...(wait_for ?? []).map((on) => ({ on, needed: false })),
  ];
  for (const { on, needed } of dependencies) {
    const verb = needed ? "needs" : "waits for";
    const standing = standingOf(on);
    if (standing === undefined)
      return { kind: "blocked", message: `job '${name}' ${verb} '${on}', but it is not defined` };
    if (standing.kind === "active") open.add(on);
    const trouble = needed ? troubleOf(standing) : undefined;
    if (trouble !== undefined) return { kind: "blocked", message: `job '${name}' needs '${on}', but it ${trouble}` };
  }
  return open.size === 0 ? { kind: "ready" } : { kind: "waiting", for: [...open] };
}

function troubleOf(standing: Standing): string | undefined {
  if (standing.kind === "stopped") return "was stopped";
  if (standing.kind !== "finished" || standing.exitCode === 0) return undefined;
  return `failed with ${standing.exitCode ?? "None"} - ${standing.message}`;
}

export type Decision =
  | { readonly kind: "finish"; readonly message: string }
  | { readonly kind: "restart"; readonly waitMs: number; readonly attempt: number };

const BACKOFF_CAP_MS = 300_000;

/** What follows a run that ended with `exitCode` after `ranMs`; `attempt`: restarts since the last long run. (spec babel-agent §3.5) */
export function afterRun(
  name: string,
  { restart }: Pick<JobConfig, "restart">,
  exitCode: number,
  ranMs: number,
  attempt: number,
): Decision {
  const message = `Job '${name}' exited with code ${exitCode}${signalBehind(exitCode)}`;
  if (restart === "never" || ("on_failure" in restart && exitCode === 0))
    return { kind: "finish", message: exitCode === 0 ? "" : message };
  const config = "always" in restart ? restart.always : restart.on_failure;
  if (ranMs > config.backoff_timeout_ms) return { kind: "restart", waitMs: 0, attempt: 0 };
  if (config.max_retries !== null && attempt >= config.max_retries) return { kind: "finish", message };
  return { kind: "restart", waitMs: backoff(config, attempt), attempt: attempt + 1 };
}

/** A shell tells by 128 + n that signal n ended the program it waited for. */
function signalBehind(code: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return name === undefined ? "" : ` (128 + ${name})`;
}

/** Exact: the spread that keeps many nodes apart is left out. */
function backoff({ backoff_base_ms: base, backoff_max_ms: cap }: RestartConfig, attempt: number): number {
  return Math.min(base * 2 ** attempt, cap ?? BACKOFF_CAP_MS);
}

/** It is to run for ever: a run of a test does not wait for its end. */
export function isService({ restart }: JobConfig): boolean {
  return typeof restart === "object" && "always" in restart;
}
