import { machineFacts } from "@blockvisor/image/machine";
import type { Logger } from "pino";
import type { HostConfig } from "../config/host-config.ts";
import { launchTool } from "../launcher/index.ts";
import type { Counters } from "../metrics/counters.ts";
import type { NodePolls } from "../metrics/node-polls.ts";
import { assignedAddresses } from "../node/choose-address.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { HostPaths } from "../place/paths.ts";
import type { ControlPlane } from "../service/control-plane.ts";
import type { DaemonStatus } from "../service/daemon-status.ts";
import { type Api, callApi, openApi, refreshOver } from "./api.ts";
import { apiControlPlane } from "./api-control-plane.ts";
import { CommandRunner } from "./command-runner.ts";
import { Emergencies } from "./emergencies.ts";
import { MachineReport } from "./machine-report.ts";
import { Notifications } from "./notifications.ts";
import { Outbox } from "./outbox.ts";
import { Reports } from "./reports.ts";
import { loadTokens, saveTokens, TokenKeeper } from "./tokens.ts";

const second = 1000;

/** Periods of the loops (spec host-daemon §7.5, DB-7.9). */
const periods = {
  pollDisconnected: 30 * second,
  pollConnected: 300 * second,
  statuses: 30 * second,
  allStatuses: 3600 * second,
  nodeMetrics: 30 * second,
  hostMetrics: 30 * second,
  host: 24 * 3600 * second,
  /** Programs are asked for their versions. */
  machine: 3600 * second,
} as const;

/** Up to this much is added to each period, so that hosts do not report in step. */
const jitterMs = 14 * second;

/** Changes within this time go into one report. */
const settleMs = 250;

export interface CloudOptions {
  readonly paths: HostPaths;
  readonly config: HostConfig;
  readonly apiUrl: string;
  readonly version: string;
  readonly log: Logger;
  readonly counters: Counters;
  readonly status: Pick<DaemonStatus, "updateEndsAt">;
}

/** The line to the API, usable before there are nodes: plugins need secrets and archives through it. */
export interface CloudLink {
  readonly api: Api;
  readonly tokens: TokenKeeper;
}

export async function openCloudLink({
  paths,
  config,
  apiUrl,
  log,
}: Pick<CloudOptions, "paths" | "config" | "apiUrl" | "log">): Promise<CloudLink> {
  const tokens = new TokenKeeper(await loadTokens(paths, config, log), refreshOver(apiUrl), (pair) =>
    saveTokens(paths, pair),
  );
  return { api: openApi(apiUrl, tokens), tokens };
}

/** Everything that happens because of the API. */
export class Cloud {
  readonly controlPlane: ControlPlane;
  readonly #options: CloudOptions;
  readonly #link: CloudLink;
  readonly #host: NodeHost;
  readonly #nodes: NodeTable;
  readonly #reports: Reports;
  readonly #machine: MachineReport;
  readonly #emergencies: Emergencies;
  readonly #notifications: Notifications;
  readonly #timers = new Set<NodeJS.Timeout>();
  #runner: CommandRunner | undefined;
  #outbox: Outbox | undefined;
  #polling: Promise<void> | undefined;
  #pollAgain = false;
  #reportPending = false;
  #stopped = false;
  #lastError: string | undefined;

  constructor(options: CloudOptions, link: CloudLink, host: NodeHost, nodes: NodeTable, polls: NodePolls) {
    this.#host = host;
    const { config, log } = options;
    this.#options = options;
    this.#link = link;
    this.#nodes = nodes;
    this.#emergencies = new Emergencies(options.paths.emergencies, link.api, config.hostName, log);
    this.controlPlane = {
      ...apiControlPlane(link.api, config, nodes, (id) => this.#outbox?.failureOf(id)),
      emergency: (id, action) => this.#emergencies.record(id, action),
      reportHost: async () => {
        await this.#reports.host(options.version, options.paths.var);
        await this.#machine.tell("always");
      },
    };
    this.#reports = new Reports(link.api, nodes, polls, config.hostId, log);
    this.#machine = new MachineReport(link.api, config.hostId, () => machineFacts(launchTool));
    this.#notifications = new Notifications({
      hostId: config.hostId,
      brokerUrl: async () => config.mqttUrl ?? (await callApi(() => link.api.discovery.services({}))).notificationUrl,
      token: () => link.tokens.token(),
      onConnected: () => void this.#machine.connected().catch((error: unknown) => this.#failed("machine facts", error)),
      onWake: () => {
        options.counters.add("blockvisor_notifications_total");
        this.#wake();
      },
      onFailure: () => options.counters.add("blockvisor_notifications_failures_total"),
      log,
    });
  }

  /** Starts with the commands; called when nodes are attached, as a command may be about any of them. */
  async start(): Promise<void> {
    const { paths, config, version, log } = this.#options;
    let outbox: Outbox;
    try {
      outbox = await Outbox.open(paths.commands, log);
    } catch (error) {
      this.#failed("no commands are taken from the API", error);
      return;
    }
    const host = this.#host;
    const context = {
      nodes: this.#nodes,
      version,
      directory: paths.var,
      get maintenanceMode() {
        return host.config.maintenanceMode;
      },
      cpuOvercommit: config.cpuOvercommit,
      get smokeCheck() {
        return host.config.upgradeSmokeCheck;
      },
      get watchMs() {
        return host.config.upgradeWatchMs;
      },
      addresses: (ip: string) => assignedAddresses(host, this.#nodes, ip),
      onPluginResult: (nodeId: string, name: string) =>
        log.info({ node: nodeId, function: name }, "plugin function done"),
      // Older control planes set a node's status themselves when they get a result, over what was reported by then: it is told again.
      onReported: (nodeId: string) => {
        this.#reports.forget(nodeId);
        this.nodeChanged();
      },
    };
    this.#outbox = outbox;
    this.#runner = new CommandRunner(this.#link.api, outbox, context, config.hostId, log, this.#options.counters);
    this.#runner.resume();
    this.#notifications.start();
    this.#wake();
    this.#repeat("host info", periods.host, () => this.#reports.host(version, paths.var));
    this.#repeat("machine facts", periods.host, () => this.#machine.tell("always"));
    this.#repeat("machine facts", periods.machine, () => this.#machine.tell("changed"), true);
    this.#repeat("status reports", periods.statuses, () => this.#tell());
    this.#repeat("full status reports", periods.allStatuses, () => this.#reports.statuses(true));
    this.#repeat("node metrics", periods.nodeMetrics, () => this.#reports.nodeMetrics());
    const machine = async (): Promise<void> => {
      await this.#reports.hostMetrics(paths.var);
      await this.#reports.host(version, paths.var, "changed");
    };
    this.#repeat("host metrics", periods.hostMetrics, machine, true);
    this.#pollLater();
  }

  /** A node has changed: its status is reported soon, together with what else changes right now. */
  nodeChanged(): void {
    if (!this.#runner || this.#stopped || this.#reportPending) return;
    this.#reportPending = true;
    this.#after(settleMs, () => {
      this.#reportPending = false;
      void this.#tell().catch((error: unknown) => this.#failed("status reports", error));
    });
  }

  /** How nodes are, and what was done with them without the API. */
  async #tell(): Promise<void> {
    await this.#reports.statuses();
    await this.#emergencies.tell();
  }

  /** Commands whose result the API has not got yet. */
  get commandsWaiting(): number {
    return this.#outbox?.entries().filter(({ state }) => state !== "reported").length ?? 0;
  }

  conditions() {
    const mqtt = this.#notifications.connected;
    return [
      { name: "api", ok: this.#lastError === undefined, message: this.#lastError ?? "connected" },
      { name: "mqtt", ok: mqtt, message: mqtt ? "connected" : "not connected; the API is polled" },
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#runner?.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#notifications.stop();
  }

  /** Coalesced: a trigger during a poll makes exactly one more. */
  #wake(): void {
    // They wait at the API for the next daemon.
    if (this.#stopped || !this.#runner || this.#options.status.updateEndsAt !== undefined) return;
    if (this.#polling) {
      this.#pollAgain = true;
      return;
    }
    const runner = this.#runner;
    this.#polling = this.#options.counters
      .time("blockvisor_loops", { loop: "commands" }, () => runner.poll())
      .then(() => {
        this.#lastError = undefined;
      })
      .catch((error: unknown) => this.#failed("polling commands", error))
      .finally(() => {
        this.#polling = undefined;
        if (!this.#pollAgain) return;
        this.#pollAgain = false;
        this.#wake();
      });
  }

  #pollLater(): void {
    const period = this.#notifications.connected ? periods.pollConnected : periods.pollDisconnected;
    this.#after(period, () => {
      this.#wake();
      this.#pollLater();
    });
  }

  #repeat(what: string, period: number, work: () => Promise<void>, atOnce = false): void {
    const run = async (): Promise<void> => {
      await this.#options.counters
        .time("blockvisor_loops", { loop: what }, work)
        .catch((error: unknown) => this.#failed(what, error));
      this.#after(period + Math.random() * jitterMs, () => void run());
    };
    if (atOnce) void run();
    else this.#after(period + Math.random() * jitterMs, () => void run());
  }

  #after(ms: number, work: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms).unref();
    this.#timers.add(timer);
  }

  #failed(what: string, error: unknown): void {
    const message = `${what}: ${(error as Error).message}`;
    // The same trouble again is not worth another line in the log.
    if (message !== this.#lastError) this.#options.log.warn(message);
    this.#lastError = message;
  }
}
