import type { ErrorReport } from "../errors/host-error.ts";
import type { NodeState, StateBackup } from "./node-state.ts";
import { contentOf } from "./node-state.ts";
import type { Observed } from "./observed.ts";
import { isGoingDown } from "./plan.ts";
import type { Step } from "./step.ts";

/** What a failed step means for the node: how its desired state changes, and whether its operation goes on (undoing) or ends. */
export interface Verdict {
  readonly change: Partial<NodeState>;
  readonly goOn: boolean;
  /** What the caller of the operation is told. */
  readonly report: ErrorReport;
}

/** Failures that are no reason to stop: what to take for granted instead. */
export function tolerated(state: NodeState, step: Step): Partial<Observed> | undefined {
  if (!isGoingDown(state)) return undefined;
  if (step.kind === "start_agent") return { agent: "lost" };
  if (step.kind === "stop_jobs" && step.force) return { agent: "shut_down" };
  return undefined;
}

/** Whether a step failed because babel, or its container, died since it was looked at: there is another way then. Not what ran a plugin, which may be why. */
export function lostAgent(step: Step, before: Observed, now: Observed): boolean {
  const asks = step.kind === "stop_jobs" || step.kind === "begin_switch";
  return asks && before.agent !== "off" && now.agent === "off";
}

/** Recovery gives up on a node after this many failures in a row (spec host-daemon §4.8)… */
export const maxAttempts = 4;
/** …and tries once more after each such time, in milliseconds: what was in the way may be gone (DB-4.13). */
export const slowRetryMs = 3_600_000;

/**
 * Pure. `now` in epoch milliseconds; `dataChanged`: protocol data were touched since the upgrade began, so its old version must not
 * run on them again.
 */
export function afterFailure(
  state: NodeState,
  step: Step,
  report: ErrorReport,
  now: number,
  dataChanged: boolean,
): Verdict {
  if (!state.created && state.expected_status !== "Deleted") {
    return { change: { expected_status: "Deleted", force: true }, goOn: true, report };
  }
  if (state.provisional && state.expected_status !== "Deleted" && isLasting(report)) {
    return { change: { expected_status: "Deleted", force: true }, goOn: true, report: withoutNode(state, report) };
  }
  if (state.move !== null && state.expected_status !== "Deleted") {
    // The data stay where they are, and a node that was running comes up again.
    const { move } = state;
    return { change: { move: move.given_up ? null : { ...move, given_up: true } }, goOn: true, report };
  }
  if (state.upgrade !== null && state.expected_status !== "Deleted") {
    return afterFailedUpgrade(state.upgrade, report, now, dataChanged);
  }
  const attempts = (state.problem?.attempts ?? 0) + 1;
  const givingUp = attempts >= maxAttempts && state.expected_status !== "Deleted";
  const problem = {
    code: report.code,
    message: report.message,
    hint: report.hint,
    since: state.problem?.since ?? now,
    attempts,
    next_attempt: now + (givingUp ? slowRetryMs : backoff(step, attempts)),
    ...(givingUp ? wantedOf(state) : {}),
  };
  return { change: { problem, ...(givingUp ? { expected_status: "Failed" as const } : {}) }, goOn: false, report };
}

function wantedOf({
  expected_status: expected,
  problem,
}: NodeState): Pick<NonNullable<NodeState["problem"]>, "wanted"> {
  const wanted = expected === "Running" || expected === "Stopped" ? expected : problem?.wanted;
  return wanted === undefined ? {} : { wanted };
}

/** Failures that may be over a moment later: nothing to do with the node itself. */
const passing: ReadonlySet<string> = new Set([
  "timeout",
  "unavailable",
  "cancelled",
  "aborted",
  "gate",
  "busy",
  "api_unreachable",
  "tool_timeout",
  "image_unreachable",
  "plugin_crash",
]);

function isLasting({ code }: ErrorReport): boolean {
  return !passing.has(code);
}

function withoutNode({ id }: NodeState, report: ErrorReport): ErrorReport {
  const kept = `nothing was kept of the node; \`bv node logs ${id}\` shows what it printed`;
  return { ...report, hint: report.hint === "" ? kept : `${report.hint}; ${kept}` };
}

function afterFailedUpgrade(
  upgrade: NonNullable<NodeState["upgrade"]>,
  report: ErrorReport,
  now: number,
  dataChanged: boolean,
): Verdict {
  const problem = (told: ErrorReport): NodeState["problem"] => ({
    code: told.code,
    message: told.message,
    hint: told.hint,
    since: now,
    attempts: 0,
    next_attempt: null,
  });
  switch (upgrade.stage) {
    case "prepare":
      // The node was not touched; what is remembered is why it is not upgraded.
      return { change: { upgrade: null, problem: problem(report) }, goOn: false, report };
    case "stop":
      return untouched(report, now);
    case "apply": {
      if (!dataChanged) {
        return {
          change: { upgrade: { ...upgrade, stage: "back_stop", need_rollback: report.message } },
          goOn: true,
          report,
        };
      }
      const told: ErrorReport = {
        code: "upgrade_failed",
        message: `node upgrade failed with: '${report.message}'; can't rollback node upgrade if 'init' was already started - protocol data could be changed`,
        hint: "look at `bv node logs`, then start the node again, go back to the old version on these data with `bv node rollback`, or delete it",
      };
      return {
        change: { upgrade: null, expected_status: "Failed", problem: problem(told) },
        goOn: false,
        report: told,
      };
    }
    case "back_stop":
    case "back_apply": {
      if (upgrade.stage === "back_stop" && upgrade.need_rollback === null) return untouched(report, now);
      const before = upgrade.need_rollback;
      const told: ErrorReport = {
        code: "upgrade_failed",
        message: `${before === null ? "rollback failed" : `node upgrade failed with: '${before}'; and then rollback failed`} with: '${report.message}'; node ended in failed state`,
        hint: "stop the node with --force and start it again, or delete it",
      };
      return {
        change: { upgrade: null, expected_status: "Failed", problem: problem(told) },
        goOn: false,
        report: told,
      };
    }
  }
}

/** Nothing was switched: the node stays on its version, and recovery brings it back up if it was running. */
function untouched(report: ErrorReport, now: number): Verdict {
  const { code, message, hint } = report;
  const problem = { code, message, hint, since: now, attempts: 1, next_attempt: now };
  return { change: { upgrade: null, problem }, goOn: false, report };
}

const seconds = 1000;

/** Pause after the n-th failure in a row, n = 1, 2, …: base · 2^(n−1). */
function backoff(step: Step, attempts: number): number {
  return backoffBase(step) * 2 ** Math.min(attempts - 1, 10);
}

function backoffBase(step: Step): number {
  switch (step.kind) {
    case "start_agent":
    case "configure_agent":
      return 5 * seconds;
    case "stop_jobs":
    case "stop_container":
      return 45 * seconds;
    default:
      return 15 * seconds;
  }
}

/** What a state becomes when it takes over the content of an upgrade's target, at `now` (epoch milliseconds). */
export function switched(state: NodeState, assignedCpus: readonly number[], now = 0): Partial<NodeState> {
  const { upgrade } = state;
  if (upgrade === null) throw new Error("no upgrade to switch to");
  const watch = upgrade.watch && { ...upgrade.watch, since: now };
  return {
    ...upgrade.target,
    assigned_cpus: [...assignedCpus],
    initialized: false,
    state_backup: backupOf(state),
    upgrade: { ...upgrade, stage: "apply", watch },
  };
}

/**
 * What a state becomes when it goes back to what an upgrade replaced. A version that failed is forgotten; one that a person goes back
 * from is kept in its place, so that another rollback brings it again. `cpus`: where the cores it had are not to be taken.
 */
export function switchedBack(
  state: NodeState,
  cpus: readonly number[] = state.state_backup?.assigned_cpus ?? [],
): Partial<NodeState> {
  const { upgrade, state_backup: backup } = state;
  if (upgrade === null || backup === null) throw new Error("no upgrade to go back from");
  const back = { ...upgrade, stage: "back_apply" as const };
  if (upgrade.need_rollback !== null) return { ...backup, state_backup: null, upgrade: back };
  // The control plane was not asked: what it calls the node's configuration stays, or it would take no more reports.
  const image = { ...backup.image, config_id: state.image.config_id };
  return { ...backup, image, assigned_cpus: [...cpus], state_backup: backupOf(state), upgrade: back };
}

function backupOf(state: NodeState): StateBackup {
  return { ...contentOf(state), assigned_cpus: state.assigned_cpus, initialized: state.initialized };
}
