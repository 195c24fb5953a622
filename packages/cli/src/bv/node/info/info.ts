import type { NodeMetricsJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { isolationText } from "../../../daemon/isolation-view.ts";
import {
  type JobView,
  jobProgressText,
  jobStatusText,
  jobView,
  progressView,
  utcTime,
} from "../../../daemon/job-view.ts";
import { type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { portText } from "../../../daemon/port-mapping.ts";
import { Failure } from "../../../failure/failure.ts";
import { durationText } from "../../../output/duration.ts";
import type { Output } from "../../../output/output.ts";
import { printable } from "../../../output/table.ts";
import { type FaultView, lastFault } from "../last-fault.ts";
import { whichNode } from "../which-node.ts";
import { type ResourcesView, resourceLines, resourcesView } from "./resources.ts";
import { stepLines } from "./step-lines.ts";
import type { NodeInfoOptions } from "./verb.ts";

/** The plugin is asked live, each value with a limit of its own in the daemon. */
const metricsTimeoutMs = 60_000;
const shownLogLines = 3;

/** `bv node info` (host-daemon §2.2); labels are padded to 16 columns. */
export async function nodeInfo({ out, args, options, signal }: Call<NodeInfoOptions, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const request = { node: await whichNode(daemon, args[0]), showValues: options.showValues ?? false };
  const node = nodeView(await daemon.call("GetNode", request, { signal }));
  const [metrics, resources, fault] = await Promise.all([
    nodeMetrics(daemon, node, signal),
    nodeResources(daemon, node, signal),
    lastFault(daemon, node, signal),
  ]);
  const jobs = (metrics.jobs ?? []).map(jobView);
  const values = metricValues(metrics);
  if (out.format === "text") printInfo(out, node, values, jobs, resources, fault);
  for (const problem of metrics.problems ?? []) out.warn({ code: "BV510", message: problem });
  out.document({ node, metrics: values, jobs, resources, last_fault: fault, problems: metrics.problems ?? [] });
}

/** A node that does not run has no metrics; that is no reason to show nothing. */
async function nodeMetrics(daemon: DaemonClient, node: NodeView, signal: AbortSignal): Promise<NodeMetricsJson> {
  if (node.status !== "Running") return {};
  try {
    return await daemon.call("GetNodeMetrics", { node: node.id }, { signal, timeoutMs: metricsTimeoutMs });
  } catch (error) {
    if (error instanceof Failure && error.kind !== "daemon-unreachable") return { problems: [error.message] };
    throw error;
  }
}

/** Null for a node that is not here. */
async function nodeResources(daemon: DaemonClient, node: NodeView, signal: AbortSignal): Promise<ResourcesView | null> {
  if (node.remote) return null;
  try {
    return resourcesView(await daemon.call("GetNodeResources", { node: node.id }, { signal }));
  } catch (error) {
    // A broken node, or one that has just been deleted: the rest is still worth showing.
    if (error instanceof Failure && error.kind !== "daemon-unreachable") return null;
    throw error;
  }
}

function metricValues(metrics: NodeMetricsJson) {
  return {
    height: metrics.height === undefined ? null : BigInt(metrics.height),
    block_age: metrics.blockAge === undefined ? null : Number(metrics.blockAge),
    apr: metrics.apr === undefined ? null : Number(metrics.apr),
    jailed: metrics.jailed ?? null,
    jailed_reason: metrics.jailedReason ?? null,
    sqd_name: metrics.sqdName ?? null,
    consensus: metrics.consensus ?? null,
    protocol_status: metrics.protocolStatus
      ? {
          state: metrics.protocolStatus.state ?? "",
          health: metrics.protocolStatus.health ?? "",
          progress: metrics.protocolStatus.progress ? progressView(metrics.protocolStatus.progress) : null,
        }
      : null,
  };
}

function printInfo(
  out: Output,
  node: NodeView,
  values: ReturnType<typeof metricValues>,
  jobs: readonly JobView[],
  resources: ResourcesView | null,
  fault: FaultView | null,
): void {
  const show = (label: string, value: unknown) => {
    out.line(`${`${label}:`.padEnd(16)}${value === null || value === "" ? "-" : printable(String(value))}`);
  };
  const { image, vm_config: vm } = node;
  const status = values.protocol_status;
  show("Name", node.name);
  show("Id", node.id);
  show("Image", `${image.protocol_key}/${image.variant_key}/${image.version} ${image.uri} ${image.digest}`.trimEnd());
  show("Status", node.operation ? `${node.status} (${node.operation.kind}: ${node.operation.step})` : node.status);
  if (node.expected_status !== node.status && !node.operation) show("Should be", node.expected_status);
  if (node.problem) {
    const { code, message, since, attempts, next_attempt: next } = node.problem;
    show("Problem", `${message} (${code})`);
    if (since) show("Since", utcTime(since));
    if (attempts > 0) {
      show("Attempts", `${attempts} failed, ${next ? `the next one is at ${utcTime(next)}` : "no more are made"}`);
    }
  }
  if (fault) show("Last fault", `${fault.message} (${utcTime(fault.time)})`);
  const progress = status?.progress ? `, ${jobProgressText(status.progress)}` : "";
  const unknown = node.steps !== null && !node.initialized ? " initializing (neutral)" : " -";
  show("Protocol status", status ? ` ${status.state} (${status.health})${progress}` : unknown);
  for (const [label, value] of stepLines(node)) show(label, value);
  show("Ip", [node.ip, ...node.extra_ips].join(", "));
  show("Gateway", node.gateway);
  if (node.ports.length > 0) show("Host ports", node.ports.map(portText).join(", "));
  show("Uptime [h:m:s]", ` ${durationText(node.uptime_secs)}`);
  show("Block height", values.height);
  show("Block age", values.block_age);
  show("APR", values.apr);
  show("Jailed", values.jailed);
  show("Jailed reason", values.jailed_reason);
  show("SQD name", values.sqd_name);
  show("In consensus", values.consensus);
  if (jobs.length > 0) out.line("Jobs:");
  for (const job of jobs) printJob(out, job);
  show("Requirements", `cpu: ${vm.vcpu_count}, memory: ${vm.mem_size_mb}MB, disk: ${vm.disk_size_gb}GB`);
  const cpus = `[${node.assigned_cpus.join(", ")}]`;
  show("Assigned CPUs", node.cpu_policy === "shared" ? `shared, the time of ${vm.vcpu_count}` : cpus);
  if (node.isolation) show("Isolation", isolationText(node.isolation));
  show("Tags", `[${node.tags.join(", ")}]`);
  const properties = Object.entries(node.properties).map(([key, value]) => `${key}=${value}`);
  if (properties.length > 0) show("Properties", properties.join(", "));
  for (const [label, value] of resources ? resourceLines(resources, vm.disk_size_gb) : []) show(label, value);
}

function printJob(out: Output, job: JobView): void {
  const show = (label: string, value: string) => out.line(`    ${`${label}:`.padEnd(16)}${printable(value)}`);
  out.line(`  - "${printable(job.name)}"`);
  show("Status", `${utcTime(job.since)}| ${jobStatusText(job)}`);
  if (job.stage) show("Stage", job.stage);
  show("Restarts", String(job.restart_count));
  if (job.last_failure && job.last_failure !== job.message) show("Last failure", job.last_failure);
  if (job.needs.length > 0) show("Needs", job.needs.join(", "));
  if (job.wait_for.length > 0) show("Waits for", job.wait_for.join(", "));
  if (job.progress) show("Progress", jobProgressText(job.progress));
  if (job.logs.length === 0) return;
  out.line("    Logs:");
  for (const line of job.logs.slice(0, shownLogLines)) out.line(`      ${printable(line)}`);
  if (job.logs.length > shownLogLines) out.line(`      ... use \`bv node job info ${job.name}\` to get more`);
}
