import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, hostname, totalmem } from "node:os";
import {
  NodeHealth,
  type NodeJobSchema,
  NodeJobStatus,
  NodeState,
  type NodeStatusSchema,
} from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NodeMetricsSchema } from "@blockvisor/wire/blockjoy/v1/metrics";
import { JobState, type NodeMetricsSchema as LocalMetricsSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { HostError } from "../errors/host-error.ts";
import { hostMetrics } from "../metrics/host-metrics.ts";
import type { NodePolls } from "../metrics/node-polls.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeStatus } from "../node/node-status.ts";
import type { BrokenNode } from "../node/node-store.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { JobMessage } from "../service/job-message.ts";
import { type Api, callApi } from "./api.ts";
import { tellFailed } from "./tell-failed.ts";

/** Nodes whose plugins are asked at the same time: bounds what polling costs (spec host-daemon DB-10.4). */
const pollConcurrency = 4;

const addressTimeoutMs = 4_000;

/** What this host tells the API on its own. */
export class Reports {
  readonly #api: Api;
  readonly #nodes: NodeTable;
  readonly #polls: NodePolls;
  readonly #log: Logger;
  readonly #hostId: string;
  /** Node id → the last status the API has accepted. */
  readonly #accepted = new Map<string, string>();
  /** Node id → the request that is under way, as long as its acceptance is of interest. */
  readonly #sending = new Map<string, object>();
  /** Node id → when the metrics that were reported last had been collected. */
  readonly #reported = new Map<string, number>();
  #round: Promise<void> = Promise.resolve();
  #nextRound: Promise<void> | undefined;

  constructor(api: Api, nodes: NodeTable, polls: NodePolls, hostId: string, log: Logger) {
    this.#api = api;
    this.#nodes = nodes;
    this.#polls = polls;
    this.#hostId = hostId;
    this.#log = log;
  }

  /** Once per start of the daemon (spec §10.1, DB-10.7). */
  async host(version: string, directory: string): Promise<void> {
    const { blocks, bsize } = await statfs(directory);
    const { name, version: osVersion } = await osRelease();
    await callApi(() =>
      this.#api.hosts.updateHost({
        hostId: this.#hostId,
        networkName: hostname(),
        bvVersion: version,
        os: name,
        osVersion,
        diskBytes: BigInt(blocks) * BigInt(bsize),
        cpuCores: BigInt(availableParallelism()),
        memoryBytes: BigInt(totalmem()),
      }),
    );
  }

  async hostMetrics(directory: string): Promise<void> {
    const found = await hostMetrics(directory, this.#nodes.usedAddresses());
    await callApi(() =>
      this.#api.metrics.host({
        metrics: {
          hostId: this.#hostId,
          usedCpuHundreths: BigInt(Math.round(found.usedCpuPercent)),
          usedMemoryBytes: found.usedMemoryBytes,
          usedDiskBytes: found.usedDiskBytes,
          loadOnePercent: found.loadOne,
          loadFivePercent: found.loadFive,
          loadFifteenPercent: found.loadFifteen,
          networkReceivedBytes: found.networkReceivedBytes,
          networkSentBytes: found.networkSentBytes,
          uptimeSeconds: found.uptimeSeconds,
          usedIps: [...found.usedIps],
        },
      }),
    );
  }

  /**
   * Reports what differs from what the API has accepted; `all`: everything again. One round after the other: an older status that
   * overtakes a newer one would stay. Who asks while a round is under way shares the next.
   */
  statuses(all = false): Promise<void> {
    if (all) {
      this.#accepted.clear();
      this.#sending.clear();
    }
    this.#nextRound ??= this.#round
      .catch(() => {})
      .then(() => {
        this.#nextRound = undefined;
        this.#round = this.#statusRound();
        return this.#round;
      });
    return this.#nextRound;
  }

  /** The node's status is reported with the next round, whatever the API has accepted, or accepts of what is on its way to it. */
  forget(nodeId: string): void {
    this.#accepted.delete(nodeId);
    this.#sending.delete(nodeId);
  }

  async #statusRound(): Promise<void> {
    const managed = this.#managed();
    const ids = new Set([...managed, ...this.#nodes.broken()].map(({ id }) => id));
    for (const id of this.#accepted.keys()) if (!ids.has(id)) this.#accepted.delete(id);
    await eachBounded(managed, (actor) => this.#status(actor));
    for (const node of this.#nodes.broken()) await this.#broken(node);
  }

  /** What cannot be read of a node is not known here, but that it is failed (spec host-daemon DB-1.5, DB-3.7). */
  async #broken({ id, devMode, reason }: BrokenNode): Promise<void> {
    if (devMode === true || this.#accepted.get(id) === reason) return;
    try {
      await tellFailed(this.#api, id, "broken");
      this.#accepted.set(id, reason);
    } catch (error) {
      this.#log.warn({ node: id }, `broken node not reported: ${(error as Error).message}`);
    }
  }

  /** What nodes told since the last report, in one request. */
  async nodeMetrics(): Promise<void> {
    const news = this.#managed().flatMap((actor) => {
      const polled = this.#polls.last(actor.id);
      if (polled === undefined || polled.at <= (this.#reported.get(actor.id) ?? 0)) return [];
      return [{ id: actor.id, at: polled.at, metrics: apiMetrics(actor.id, polled.metrics) }];
    });
    if (news.length === 0) return;
    try {
      await callApi(() => this.#api.metrics.node({ metrics: news.map(({ metrics }) => metrics) }));
    } catch (error) {
      if (!(error instanceof HostError && error.code === "not_found") || news.length === 1) throw error;
      // One node that the API does not know must not keep back what the others have to tell (DB-10.6).
      await eachBounded(news, async ({ id, metrics }) => {
        await callApi(() => this.#api.metrics.node({ metrics: [metrics] })).catch((refused: unknown) => {
          this.#log.warn({ node: id }, `metrics not reported: ${(refused as Error).message}`);
        });
      });
    }
    const ids = new Set(this.#managed().map(({ id }) => id));
    for (const id of this.#reported.keys()) if (!ids.has(id)) this.#reported.delete(id);
    for (const { id, at } of news) this.#reported.set(id, at);
  }

  async #status(actor: NodeActor): Promise<void> {
    const { state, status } = actor.snapshot();
    const reported = apiStates[status];
    if (reported === undefined) return;
    const p2pAddress = status === "Running" ? await this.#address(actor) : undefined;
    const request = {
      nodeId: state.id,
      configId: state.image.config_id,
      status: { state: reported, ...protocolAtRest(status) } satisfies MessageInitShape<typeof NodeStatusSchema>,
      ...(p2pAddress === undefined ? {} : { p2pAddress }),
    };
    const text = JSON.stringify(request);
    if (this.#accepted.get(state.id) === text) return;
    this.#sending.set(state.id, request);
    try {
      await callApi(() => this.#api.nodes.reportStatus(request));
      if (this.#sending.get(state.id) === request) this.#accepted.set(state.id, text);
    } catch (error) {
      this.#log.warn({ node: state.id }, `status not reported: ${(error as Error).message}`);
    }
    if (this.#sending.get(state.id) === request) this.#sending.delete(state.id);
  }

  async #address(actor: NodeActor): Promise<string | undefined> {
    const { plugin } = actor.parts;
    if (!plugin.capabilities.includes("address")) return undefined;
    return plugin
      .poll(addressTimeoutMs, (loaded, engine, options) => loaded.poll("address", engine, options))
      .catch(() => undefined);
  }

  #managed(): readonly NodeActor[] {
    return this.#nodes.actors().filter((actor) => !actor.snapshot().state.dev_mode);
  }
}

const apiStates: Readonly<Record<NodeStatus, NodeState | undefined>> = {
  Running: NodeState.RUNNING,
  Stopped: NodeState.STOPPED,
  Failed: NodeState.FAILED,
  Busy: undefined,
};

/** What the protocol last said of itself is over with the container; a running node says it with its metrics. */
function protocolAtRest(status: NodeStatus) {
  if (status === "Stopped") return { protocol: { state: "stopped", health: NodeHealth.NEUTRAL } };
  return status === "Failed" ? { protocol: { state: "failed", health: NodeHealth.UNHEALTHY } } : {};
}

const healths: Readonly<Record<string, NodeHealth>> = {
  healthy: NodeHealth.HEALTHY,
  neutral: NodeHealth.NEUTRAL,
  unhealthy: NodeHealth.UNHEALTHY,
};

function apiMetrics(
  nodeId: string,
  { jobs = [], protocolStatus, problems: _, ...values }: MessageInitShape<typeof LocalMetricsSchema>,
): MessageInitShape<typeof NodeMetricsSchema> {
  const {
    $typeName: __,
    $unknown: ___,
    ...known
  } = values as typeof values & { $typeName?: unknown; $unknown?: unknown };
  const protocol = protocolStatus && {
    state: protocolStatus.state ?? "",
    health: healths[protocolStatus.health ?? ""] ?? 0,
  };
  return {
    ...known,
    nodeId,
    nodeStatus: { state: NodeState.RUNNING, ...(protocol ? { protocol } : {}) },
    jobs: jobs.map((job) => apiJob(job as JobMessage)),
  };
}

function apiJob(job: JobMessage): MessageInitShape<typeof NodeJobSchema> {
  return {
    name: job.name ?? "",
    status: jobStatusOf(job),
    logs: [...(job.logs ?? [])],
    restarts: BigInt(job.restartCount ?? 0),
    ...(job.exitCode === undefined ? {} : { exitCode: job.exitCode }),
    ...(job.message ? { message: job.message } : {}),
    ...(job.progress
      ? {
          progress: {
            total: Number(job.progress.total ?? 0n),
            current: Number(job.progress.current ?? 0n),
            message: job.progress.message ?? "",
          },
        }
      : {}),
  };
}

function jobStatusOf({ state, exitCode }: JobMessage): NodeJobStatus {
  switch (state) {
    case JobState.PENDING:
      return NodeJobStatus.PENDING;
    case JobState.RUNNING:
      return NodeJobStatus.RUNNING;
    case JobState.FINISHED:
      return exitCode === 0 ? NodeJobStatus.FINISHED : NodeJobStatus.FAILED;
    default:
      return NodeJobStatus.STOPPED;
  }
}

async function eachBounded<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: pollConcurrency }, worker));
}

async function osRelease(): Promise<{ readonly name: string; readonly version: string }> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { name: value("NAME") || "Linux", version: value("VERSION_ID") };
}
