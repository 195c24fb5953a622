import { availableParallelism } from "node:os";
import { NodeHealth, NodeState, type NodeStatusSchema } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { NodeMetricsSchema } from "@blockvisor/wire/blockjoy/v1/metrics";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { HostError } from "../errors/host-error.ts";
import { hostMetrics } from "../metrics/host-metrics.ts";
import type { NodePolls } from "../metrics/node-polls.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeStatus } from "../node/node-status.ts";
import type { BrokenNode } from "../node/node-store.ts";
import type { NodeTable } from "../node/node-table.ts";
import { eachOf } from "../node/slots.ts";
import { type Api, callApi } from "./api.ts";
import { type HostFacts, hasChanged, hostFacts, hostFigures } from "./host-report.ts";
import { nodeFigures, nodeJobs } from "./node-report.ts";
import { ReportedJobs } from "./reported-jobs.ts";
import { tellFailed } from "./tell-failed.ts";

/** Nodes whose plugins are asked at the same time: bounds what polling costs (spec host-daemon DB-10.4). */
const pollConcurrency = 4;

/** What a node told, as the API gets it; `accept` when it has. */
interface NodeNews {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly metrics: MessageInitShape<typeof NodeMetricsSchema>;
  readonly accept: () => void;
}

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
  readonly #jobs = new ReportedJobs();
  /** What the API knows of the machine. */
  #facts: HostFacts | undefined;
  #round: Promise<void> = Promise.resolve();
  #nextRound: Promise<void> | undefined;

  constructor(api: Api, nodes: NodeTable, polls: NodePolls, hostId: string, log: Logger) {
    this.#api = api;
    this.#nodes = nodes;
    this.#polls = polls;
    this.#hostId = hostId;
    this.#log = log;
  }

  /** What the machine is: at the daemon's start and once a day, in between if it has changed (spec §10.1, DB-10.7). */
  async host(version: string, directory: string, when: "always" | "changed" = "always"): Promise<void> {
    const facts = await hostFacts(version, directory);
    if (when === "changed" && this.#facts !== undefined && !hasChanged(this.#facts, facts)) return;
    await callApi(() => this.#api.hosts.updateHost({ hostId: this.#hostId, ...facts }));
    this.#facts = facts;
  }

  async hostMetrics(directory: string): Promise<void> {
    const found = await hostMetrics(directory, this.#nodes.usedAddresses());
    const metrics = hostFigures(this.#hostId, found, availableParallelism());
    await callApi(() => this.#api.metrics.host({ metrics }));
  }

  /**
   * Reports what differs from what the API has accepted; `all`: everything again, jobs with the next metrics. One round after the other: an older status that
   * overtakes a newer one would stay. Who asks while a round is under way shares the next.
   */
  statuses(all = false): Promise<void> {
    if (all) {
      this.#accepted.clear();
      this.#sending.clear();
      this.#jobs.clear();
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
    await eachOf(managed, pollConcurrency, (actor) => this.#status(actor));
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

  /** What nodes told since the last report, in one request if the API takes it. */
  async nodeMetrics(): Promise<void> {
    const managed = this.#managed();
    const ids = new Set(managed.map(({ id }) => id));
    for (const id of this.#reported.keys()) if (!ids.has(id)) this.#reported.delete(id);
    this.#jobs.keep(ids);
    const news = managed.flatMap((actor): readonly NodeNews[] => {
      const polled = this.#polls.last(actor.id);
      if (polled === undefined || polled.at <= (this.#reported.get(actor.id) ?? 0)) return [];
      const { config_id: config, rootfs } = actor.snapshot().state.image;
      const { changed, accept } = this.#jobs.news(actor.id, `${config} ${rootfs}`, nodeJobs(polled.metrics));
      return [{ id: actor.id, at: polled.at, metrics: nodeFigures(actor.id, polled.metrics, changed), accept }];
    });
    if (news.length > 0) await this.#send(news);
  }

  /** What one node tells and the API refuses must not keep back what the others have to tell (DB-10.6): it is sought by halves. */
  async #send(news: readonly NodeNews[]): Promise<void> {
    try {
      await callApi(() => this.#api.metrics.node({ metrics: news.map(({ metrics }) => metrics) }));
      for (const { accept } of news) accept();
    } catch (error) {
      if (!(error instanceof HostError) || (error.code !== "not_found" && error.code !== "invalid")) throw error;
      if (news.length > 1) {
        const half = news.length >> 1;
        await this.#send(news.slice(0, half));
        await this.#send(news.slice(half));
        return;
      }
      this.#log.warn({ node: news[0]?.id }, `metrics not reported: ${error.message}`);
    }
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
    return plugin.poll((loaded, engine, options) => loaded.poll("address", engine, options)).catch(() => undefined);
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
