import { signalName } from "./signals.ts";

type RestartPolicy = "never" | { readonly always: RestartConfig } | { readonly on_failure: RestartConfig };
type RestartConfig = {
  readonly backoff_timeout_ms: number;
  readonly backoff_base_ms: number;
  /** Without it, without end. */
  readonly max_retries?: number | null;
  readonly backoff_max_ms?: number | null;
};

/** How a run ended. */
export type Outcome =
  | {
      readonly kind: "exited";
      readonly code: number;
      readonly message: string;
      /** The next run would end in the same way. */
      readonly final?: boolean;
      /** A program that the payload, a shell, waited for was ended by the kernel. */
      readonly outOfMemory?: boolean;
    }
  | { readonly kind: "killed"; readonly signal: string; readonly outOfMemory: boolean }
  /** The shim vanished without leaving an exit status. */
  | { readonly kind: "lost"; readonly reason: string };

export type Decision =
  | { readonly kind: "finish"; readonly exitCode: number | null; readonly message: string }
  | { readonly kind: "restart"; readonly waitMs: number; readonly attempt: number; readonly losses: number };

export type Attempts = {
  /** Restarts since the last run that lasted longer than `backoff_timeout_ms`. */
  readonly attempt: number;
  /** Runs lost in a row. */
  readonly losses: number;
};

export const NO_ATTEMPTS: Attempts = { attempt: 0, losses: 0 };

const BACKOFF_CAP_MS = 300_000;
const LOSS_LIMIT = 10;
const LOSS_CAP_MS = 60_000;
/** Of those with a name. */
const LAST_SIGNAL = 31;

/**
 * What to do after a run that lasted `ranMs`. Waits are exact, base × 2^n, up to the cap; the capped wait varies by 10 %, so
 * that many nodes with the same trouble do not retry in step. (§3.5, D3-07, D3-08)
 *
 * @param random number in [0, 1)
 */
export function afterRun(
  name: string,
  policy: RestartPolicy,
  outcome: Outcome,
  ranMs: number,
  attempts: Attempts,
  random: number,
): Decision {
  const message = describeOutcome(name, outcome);
  const exitCode = outcome.kind === "exited" ? outcome.code : null;
  if (outcome.kind === "lost") return afterLoss(name, policy, outcome.reason, attempts, random);
  if (policy === "never") return { kind: "finish", exitCode, message: exitCode === 0 ? "" : message };
  if (outcome.kind === "exited" && outcome.final === true) return { kind: "finish", exitCode, message };
  if ("on_failure" in policy && exitCode === 0) return { kind: "finish", exitCode: 0, message: "" };

  const config = "always" in policy ? policy.always : policy.on_failure;
  if (ranMs > config.backoff_timeout_ms) return { kind: "restart", waitMs: 0, attempt: 0, losses: 0 };
  if (isLimited(config) && attempts.attempt >= config.max_retries) {
    return { kind: "finish", exitCode, message };
  }
  return {
    kind: "restart",
    waitMs: backoff(config, attempts.attempt, random),
    attempt: attempts.attempt + 1,
    losses: 0,
  };
}

function afterLoss(name: string, policy: RestartPolicy, reason: string, attempts: Attempts, random: number): Decision {
  const losses = attempts.losses + 1;
  if (policy === "never") return { kind: "finish", exitCode: null, message: `Job '${name}' was lost: ${reason}` };
  if (losses >= LOSS_LIMIT) {
    return { kind: "finish", exitCode: null, message: `Job '${name}' was lost ${losses} times in a row: ${reason}` };
  }
  const config = { backoff_timeout_ms: 0, backoff_base_ms: 1000, backoff_max_ms: LOSS_CAP_MS };
  return { kind: "restart", waitMs: backoff(config, losses - 1, random), attempt: attempts.attempt, losses };
}

/** Whether an upgrade of the node has to wait while the job runs: it will end by itself. (§3.6) */
export function blocksUpgrade(restart: RestartPolicy): boolean {
  if (restart === "never") return true;
  return "on_failure" in restart && isLimited(restart.on_failure);
}

const isLimited = (config: RestartConfig): config is RestartConfig & { readonly max_retries: number } =>
  typeof config.max_retries === "number";

function backoff(config: RestartConfig, attempt: number, random: number): number {
  const cap = config.backoff_max_ms ?? BACKOFF_CAP_MS;
  const wait = config.backoff_base_ms * 2 ** attempt;
  return wait <= cap ? wait : Math.round(cap * (0.9 + 0.2 * random));
}

/** A shell tells by 128 + n that signal n ended the program it waited for. */
function signalBehind(code: number, outOfMemory = false): string {
  if (code <= 128 || code > 128 + LAST_SIGNAL) return "";
  return ` (128 + ${signalName(code - 128)}${outOfMemory ? ": out of memory" : ""})`;
}

export function describeOutcome(name: string, outcome: Outcome): string {
  switch (outcome.kind) {
    case "exited":
      return outcome.message === ""
        ? `Job '${name}' exited with code ${outcome.code}${signalBehind(outcome.code, outcome.outOfMemory)}`
        : `job '${name}' failed with: ${outcome.message}`;
    case "killed":
      return outcome.outOfMemory
        ? `Job '${name}' killed by signal ${outcome.signal}: out of memory`
        : `Job '${name}' killed by signal ${outcome.signal}`;
    case "lost":
      return `Job '${name}' was lost: ${outcome.reason}`;
  }
}
