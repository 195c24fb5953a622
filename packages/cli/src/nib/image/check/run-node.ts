import { setTimeout as delay } from "node:timers/promises";
import type { Diagnostic, EffectiveVariant } from "@blockvisor/image";
import { DaemonClient } from "../../../daemon/client.ts";
import { jobStatusText } from "../../../daemon/job-view.ts";
import { logLineText } from "../../../daemon/log-line.ts";
import type { NodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { printable } from "../../../output/table.ts";
import { createDevNode } from "../../dev-node/create.ts";
import { hasFailed, isUnsettled, type NodeSample, nodeChecks, nodeSample } from "./node-checks.ts";
import { type CheckOutcome, measured, passed } from "./outcome.ts";
import type { CheckName, CheckOptions } from "./verb.ts";

const sampleMs = 500;
const metricsTimeoutMs = 60_000;
/** Jobs that still wait for others after `--jobs-wait` get this much longer, as a factor. */
const patience = 3;

export interface NodeRun {
  readonly outcomes: readonly CheckOutcome[];
  readonly node: { readonly id: string; readonly name: string; readonly deleted: boolean };
}

/**
 * Makes a dev node, runs it and looks at it. The node is deleted as the options say on every way out, also after Ctrl-C and
 * after a failure in between.
 */
export async function runNode(
  out: Output,
  variant: EffectiveVariant,
  properties: Readonly<Record<string, string>>,
  checks: readonly CheckName[],
  options: CheckOptions,
  signal: AbortSignal,
): Promise<NodeRun> {
  const daemon = new DaemonClient(out);
  let id = "";
  let outcomes: readonly CheckOutcome[] = [];
  let deleted = false;
  let node: NodeView | undefined;
  try {
    const onNode = (created: string) => {
      id = created;
    };
    node = await createDevNode(out, variant, properties, options, { signal, onNode });
    id = node.id;
    out.line(`Created dev_node "${node.name}" with ID \`${node.id}\``);
    outcomes = await checkNode(out, daemon, node, checks, options, signal);
    if (!passed(outcomes)) await showFailedJobs(out, daemon, node, options.logLines);
  } finally {
    const success = outcomes.length > 0 && passed(outcomes);
    if (id && (options.forceCleanup || (options.cleanup && (success || signal.aborted)))) {
      deleted = await deleteNode(out, daemon, id);
    } else if (id && !success) {
      out.line(`The node is still there: bv node info ${id}; bv node shell ${id}; bv node rm -y ${id}`);
    }
  }
  return { outcomes, node: { id: node.id, name: node.name, deleted } };
}

async function checkNode(
  out: Output,
  daemon: DaemonClient,
  node: NodeView,
  checks: readonly CheckName[],
  options: CheckOptions,
  signal: AbortSignal,
): Promise<readonly CheckOutcome[]> {
  const started = performance.now();
  const problem = await startNode(out, daemon, node, options.startTimeout, signal);
  if (problem) {
    const ms = Math.round(performance.now() - started);
    return checks.map((name) => ({ name, status: "failed", ms, diagnostics: [problem] }));
  }
  out.line(`Started node, it is running; looking at it for ${options.jobsWait} s`);
  const sample = await settled(daemon, node.id, options.jobsWait * 1000, signal);
  out.line("Reading metrics");
  for (const job of sample.jobs) out.line(`  job '${job.name}': ${jobStatusText(job)}, restarts: ${job.restart_count}`);
  if (sample.protocolStatus) {
    const { state, health } = sample.protocolStatus;
    out.line(`  protocol status: ${printable(state)} (${health})`);
  }
  const outcomes: CheckOutcome[] = [];
  for (const name of checks) {
    if (name !== "plugin") outcomes.push(await measured(name, options.strict ?? false, () => nodeChecks[name](sample)));
  }
  return outcomes;
}

/** A start that takes too long, or fails, is a finding like any other. */
async function startNode(
  out: Output,
  daemon: DaemonClient,
  node: NodeView,
  timeoutSecs: number,
  signal: AbortSignal,
): Promise<Diagnostic | undefined> {
  const timeout = AbortSignal.timeout(timeoutSecs * 1000);
  const request = { node: node.id, local: true };
  try {
    const title = `Starting ${node.name}`;
    await followOperation(daemon, out, "StartNode", request, { title, signal: AbortSignal.any([signal, timeout]) });
    return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    if (timeout.aborted) {
      const message = `the node did not start within ${timeoutSecs} s`;
      return { code: "NIB601", severity: "error", message, help: "--start-timeout gives it longer" };
    }
    if (!(error instanceof Failure) || error.kind === "daemon-unreachable") throw error;
    const help = error.details.hint;
    return {
      code: "NIB601",
      severity: "error",
      message: `the node did not start: ${error.message}`,
      ...(help && { help }),
    };
  }
}

/** Looks at the node until the time is over and no job waits any more; a job that failed ends it at once. */
async function settled(daemon: DaemonClient, id: string, waitMs: number, signal: AbortSignal): Promise<NodeSample> {
  const started = performance.now();
  for (;;) {
    const metrics = await daemon.call("GetNodeMetrics", { node: id }, { signal, timeoutMs: metricsTimeoutMs });
    const sample = nodeSample(metrics);
    const elapsed = performance.now() - started;
    if (sample.jobs.some(hasFailed)) return sample;
    if (elapsed >= waitMs * patience || (elapsed >= waitMs && !isUnsettled(sample))) return sample;
    await delay(Math.min(sampleMs, waitMs), undefined, { signal });
  }
}

/** The end of what a failed job printed is usually the answer. */
async function showFailedJobs(out: Output, daemon: DaemonClient, node: NodeView, lines: number): Promise<void> {
  if (out.format === "json" || lines === 0) return;
  try {
    const { jobs } = nodeSample(
      await daemon.call("GetNodeMetrics", { node: node.id }, { timeoutMs: metricsTimeoutMs }),
    );
    for (const { name } of jobs.filter((job) => hasFailed(job) || job.restart_count > 0)) {
      out.line(`Last lines of job '${name}':`);
      const request = { node: node.id, job: name, lines, follow: false };
      for await (const line of daemon.stream("StreamJobLogs", request)) out.line(`  ${printable(logLineText(line))}`);
    }
  } catch (error) {
    out.note(1, `no logs: ${reason(error)}`);
  }
}

/** Told, not thrown: what the checks found matters more. */
async function deleteNode(out: Output, daemon: DaemonClient, id: string): Promise<boolean> {
  try {
    await followOperation(daemon, out, "DeleteNode", { node: id, local: true }, { title: "Deleting the node" });
    out.line("Node deleted");
    return true;
  } catch (error) {
    // A creation that failed leaves nothing behind.
    if (error instanceof Failure && error.kind === "node-not-found") return true;
    out.warn({ code: "NIB902", message: `the node ${id} could not be deleted: ${reason(error)}` });
    return false;
  }
}
