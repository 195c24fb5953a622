import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { JobSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { JobState } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Pressure } from "../cgroups/index.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeHost } from "../node/node-host.ts";
import { limitsOf } from "../node/node-limits.ts";
import type { NodeTable } from "../node/node-table.ts";
import { eachOf } from "../node/slots.ts";
import { nodePaths } from "../place/paths.ts";
import type { Counters } from "./counters.ts";
import type { Sample } from "./exposition.ts";
import { hostMetrics } from "./host-metrics.ts";
import type { MetricName } from "./metric-table.ts";
import type { NodePolls } from "./node-polls.ts";
import { containerResources } from "./node-resources.ts";
import type { OperationMeter } from "./operation-meter.ts";

/** What a scrape is made from. It asks no plugin and no babel: those are polled in their own time. */
export interface MetricSources {
  readonly host: NodeHost;
  readonly nodes: NodeTable;
  readonly version: string;
  readonly startedAt: Date;
  readonly counters: Counters;
  readonly operations: OperationMeter;
  readonly polls: NodePolls;
  readonly loopDelay: ReturnType<typeof monitorEventLoopDelay>;
  /** Commands of the control plane that it has not got the result of. */
  readonly commandsWaiting: () => number | undefined;
  readonly conditions: () => readonly { readonly name?: string; readonly ok?: boolean }[];
}

/** Nodes whose cgroups are read at the same time. */
const concurrency = 8;

export async function scrape(sources: MetricSources): Promise<readonly Sample[]> {
  const { nodes } = sources;
  const [machine, perNode] = await Promise.all([
    machineSamples(sources),
    eachOf(nodes.actors(), concurrency, (actor) => nodeSamples(sources, actor)),
  ]);
  return [...daemonSamples(sources), ...machine, ...perNode.flat()];
}

function daemonSamples(sources: MetricSources): readonly Sample[] {
  const { host, nodes, version, startedAt, counters, operations, loopDelay, commandsWaiting, conditions } = sources;
  const { user, system } = process.cpuUsage();
  const { busy, idle, waiting: calls } = host.workers.usage;
  const longest = Number.isFinite(loopDelay.max) ? loopDelay.max / 1e9 : 0;
  loopDelay.reset();
  const statuses = { Running: 0, Stopped: 0, Busy: 0, Failed: nodes.broken().length };
  for (const actor of nodes.actors()) statuses[actor.snapshot().status] += 1;
  const waiting = nodes.actors().reduce((sum, actor) => sum + actor.effort.waiting, 0);
  const commands = commandsWaiting();
  const running = Map.groupBy(operations.running(), (kind) => kind);
  return [
    { name: "blockvisor_build_info", labels: { version }, value: 1 },
    { name: "blockvisor_uptime_seconds", value: (Date.now() - startedAt.getTime()) / 1_000 },
    { name: "blockvisor_memory_bytes", value: process.memoryUsage.rss() },
    { name: "blockvisor_cpu_seconds_total", value: (user + system) / 1e6 },
    { name: "blockvisor_event_loop_delay_seconds", value: longest },
    { name: "blockvisor_plugin_workers", labels: { state: "busy" }, value: busy },
    { name: "blockvisor_plugin_workers", labels: { state: "idle" }, value: idle },
    { name: "blockvisor_plugin_calls_waiting", value: calls },
    ...conditions().map(({ name = "", ok = false }) => flag("blockvisor_condition", { condition: name }, ok)),
    { name: "blockvisor_operations_waiting", value: waiting },
    ...(commands === undefined ? [] : [{ name: "blockvisor_commands_waiting", value: commands } as const]),
    ...[...running].map(([kind, all]): Sample => {
      return { name: "blockvisor_operations_running", labels: { kind }, value: all.length };
    }),
    ...Object.entries(statuses).map(([status, value]): Sample => {
      return { name: "blockvisor_nodes", labels: { status: status.toLowerCase() }, value };
    }),
    ...counters.samples(),
  ];
}

async function machineSamples({ host, nodes }: MetricSources): Promise<readonly Sample[]> {
  const found = await hostMetrics(host.paths.var, nodes.usedAddresses());
  return [
    { name: "blockvisor_host_cpu_percent", value: found.usedCpuPercent },
    { name: "blockvisor_host_memory_bytes", value: Number(found.usedMemoryBytes) },
    { name: "blockvisor_host_memory_total_bytes", value: Number(found.totalMemoryBytes) },
    { name: "blockvisor_host_disk_bytes", value: Number(found.usedDiskBytes) },
    { name: "blockvisor_host_disk_total_bytes", value: Number(found.totalDiskBytes) },
    { name: "blockvisor_host_load", labels: { minutes: "1" }, value: found.loadOne },
    { name: "blockvisor_host_load", labels: { minutes: "5" }, value: found.loadFive },
    { name: "blockvisor_host_load", labels: { minutes: "15" }, value: found.loadFifteen },
    { name: "blockvisor_host_network_received_bytes_total", value: Number(found.networkReceivedBytes) },
    { name: "blockvisor_host_network_sent_bytes_total", value: Number(found.networkSentBytes) },
    { name: "blockvisor_host_uptime_seconds", value: Number(found.uptimeSeconds) },
    ...pressureSamples("blockvisor_host_pressure_percent", {}, found.pressure),
  ];
}

async function nodeSamples({ host, polls, operations }: MetricSources, actor: NodeActor): Promise<readonly Sample[]> {
  const { state, status } = actor.snapshot();
  const labels = { node: state.id, name: state.name };
  const of = (name: MetricName, value: number, more: Readonly<Record<string, string>> = {}): Sample => {
    return { name, labels: { ...labels, ...more }, value };
  };
  const { protocol_key: protocol, variant_key: variant } = state.image_key;
  const info = { protocol, variant, version: state.image.version, status: status.toLowerCase() };
  const samples = [
    of("blockvisor_node_info", 1, info),
    flag("blockvisor_node_running", labels, status === "Running"),
    of("blockvisor_node_attempts", state.problem?.attempts ?? 0),
    of("blockvisor_node_recoveries_total", actor.effort.recoveries),
    of("blockvisor_node_restarts_total", operations.restartsOf(state.id)),
  ];
  const use = await host.spaces.use(nodePaths(host.paths, state.id).directory, state.space.kind);
  if (use) {
    samples.push(of("blockvisor_node_disk_bytes", use.used), of("blockvisor_node_disk_limit_bytes", use.limit));
  }
  const resources = await containerResources(host, state.id);
  if (resources === undefined) return samples;
  const { usage, pressure, network } = resources;
  const { memoryBytes: limit } = limitsOf(host, state);
  samples.push(
    of("blockvisor_node_cpu_seconds_total", usage.cpuMicroseconds / 1e6),
    of("blockvisor_node_memory_bytes", usage.memoryBytes),
    of("blockvisor_node_processes", usage.pids),
    of("blockvisor_node_oom_kills_total", usage.oomKills),
    ...pressureSamples("blockvisor_node_pressure_percent", labels, pressure),
  );
  if (limit !== undefined) samples.push(of("blockvisor_node_memory_limit_bytes", limit));
  if (usage.disk) {
    samples.push(
      of("blockvisor_node_disk_read_bytes_total", usage.disk.readBytes),
      of("blockvisor_node_disk_written_bytes_total", usage.disk.writtenBytes),
    );
  }
  if (state.started_at !== null)
    samples.push(of("blockvisor_node_uptime_seconds", Date.now() / 1e3 - state.started_at));
  if (network) {
    samples.push(
      of("blockvisor_node_network_received_bytes_total", Number(network.received)),
      of("blockvisor_node_network_sent_bytes_total", Number(network.sent)),
    );
  }
  return [...samples, ...protocolSamples(labels, polls.last(state.id)?.metrics)];
}

type Polled = NonNullable<ReturnType<NodePolls["last"]>>["metrics"];

function protocolSamples(labels: Readonly<Record<string, string>>, polled: Polled | undefined): readonly Sample[] {
  if (polled === undefined) return [];
  const { height, blockAge, consensus, apr, jailed, protocolStatus, jobs = [] } = polled;
  const states = Map.groupBy(jobs, ({ state }) => jobStates[state ?? JobState.UNSPECIFIED]);
  return [
    ...(height === undefined ? [] : [{ name: "blockvisor_node_height", labels, value: Number(height) } as const]),
    ...(blockAge === undefined
      ? []
      : [{ name: "blockvisor_node_block_age_seconds", labels, value: Number(blockAge) } as const]),
    ...(consensus === undefined ? [] : [flag("blockvisor_node_consensus", labels, consensus)]),
    ...(apr === undefined ? [] : [{ name: "blockvisor_node_apr", labels, value: apr } as const]),
    ...(jailed === undefined ? [] : [flag("blockvisor_node_jailed", labels, jailed)]),
    ...(protocolStatus === undefined
      ? []
      : [flag("blockvisor_node_protocol_status", { ...labels, ...protocolLabels(protocolStatus) }, true)]),
    ...[...states].map(([state, all]): Sample => {
      return { name: "blockvisor_node_jobs", labels: { ...labels, state }, value: all.length };
    }),
    ...jobs.flatMap((job) => jobSamples(labels, job)),
  ];
}

function protocolLabels({ state = "", health = "" }: NonNullable<Polled["protocolStatus"]>) {
  return { state, health };
}

function jobSamples(
  node: Readonly<Record<string, string>>,
  job: MessageInitShape<typeof JobSchema>,
): readonly Sample[] {
  const labels = { ...node, job: job.name ?? "" };
  const restarts: Sample = { name: "blockvisor_node_job_restarts", labels, value: job.restartCount ?? 0 };
  const { total, current } = job.progress ?? {};
  if (total === undefined || current === undefined || total <= 0) return [restarts];
  return [restarts, { name: "blockvisor_node_job_progress", labels, value: current / total }];
}

const jobStates: Readonly<Record<JobState, string>> = {
  [JobState.UNSPECIFIED]: "unknown",
  [JobState.PENDING]: "pending",
  [JobState.RUNNING]: "running",
  [JobState.FINISHED]: "finished",
  [JobState.STOPPED]: "stopped",
};

function pressureSamples(
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  pressure: readonly Pressure[],
): readonly Sample[] {
  return pressure.flatMap(({ resource, someAvg10, fullAvg10 }) => [
    { name, labels: { ...labels, resource, who: "some" }, value: someAvg10 },
    { name, labels: { ...labels, resource, who: "all" }, value: fullAvg10 },
  ]);
}

function flag(name: MetricName, labels: Readonly<Record<string, string>>, on: boolean): Sample {
  return { name, labels, value: on ? 1 : 0 };
}
