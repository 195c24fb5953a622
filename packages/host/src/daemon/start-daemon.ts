import { mkdir } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Logger } from "pino";
import { ArchiveOperations } from "../archive/archive-operations.ts";
import { Cloud, type CloudLink, openCloudLink } from "../cloud/cloud.ts";
import { type ConfigChange, LiveConfig } from "../config/live-config.ts";
import { loadHostConfig, readHostConfig } from "../config/load-config.ts";
import { keepBallast } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { Counters } from "../metrics/counters.ts";
import { type MetricsEndpoint, metricsPage, serveMetrics, serveMetricsAt } from "../metrics/metrics-endpoint.ts";
import { NodePolls } from "../metrics/node-polls.ts";
import { OperationMeter } from "../metrics/operation-meter.ts";
import { scrape } from "../metrics/scrape.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeHost } from "../node/node-host.ts";
import { NodeTable } from "../node/node-table.ts";
import { closeToOthers } from "../place/closed-folder.ts";
import { hostPaths } from "../place/paths.ts";
import type { RuntimeProbe } from "../runtime/index.ts";
import { DaemonStatus } from "../service/daemon-status.ts";
import { hostRoutes } from "../service/host-service.ts";
import type { ServiceContext } from "../service/service-context.ts";
import { serveSocket } from "../service/socket-server.ts";
import { assembleHost } from "./assemble-host.ts";
import { boundLogs } from "./bound-logs.ts";
import {
  argumentConditions,
  metricsCondition,
  nodeConditions,
  pluginCondition,
  runtimeCondition,
} from "./conditions.ts";
import { guardDisks } from "./disk-guard.ts";
import { watchFirewalls } from "./firewall-watch.ts";
import { collectImages } from "./image-collection.ts";
import { watchNodes } from "./node-watch.ts";
import { removeOrphans } from "./orphans.ts";
import type { UnexpectedErrors } from "./unexpected-errors.ts";
import { version } from "./version.ts";

export interface DaemonOptions {
  /** `BV_ROOT`. */
  readonly root: string;
  /** Dev mode whatever the configuration says. */
  readonly dev: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly unexpected: UnexpectedErrors;
}

export interface Daemon {
  /** Lets go of all nodes and ends; containers, babel and jobs live on. */
  stop(): Promise<void>;
  /** Reads the configuration again (DB-1.9). Error `config_error`; all stays as it was. */
  reload(): Promise<ConfigChange>;
}

/**
 * The daemon's start (spec host-daemon §7.1, DB-7.1): the local service answers first, nodes are attached behind it, and only then the
 * control plane is talked to. Rejects when nothing can be served: configuration, agent bundle, or another daemon.
 */
export async function startDaemon({ root, dev, env, log, unexpected }: DaemonOptions): Promise<Daemon> {
  const startedAt = new Date();
  const paths = hostPaths(root);
  const config = await loadHostConfig(paths, dev, (message) => log.warn(message));
  const live = new LiveConfig(config, () => readHostConfig(paths, dev));
  // Before anything makes folders in it that are root's alone: the group has to get to the socket.
  await mkdir(paths.runDirectory, { recursive: true });
  for (const folder of [paths.nodes, paths.images]) await closeToOthers(folder);
  const ballast = keepBallast({
    directory: paths.var,
    file: paths.ballast,
    onUsed: () =>
      log.error("the disk is full: states of nodes are written to the space that was kept for them; free some"),
  });
  const { apiUrl, metricsPort } = config;
  const counters = new Counters();
  const status = new DaemonStatus();
  const cloudOptions =
    config.devMode || apiUrl === undefined ? undefined : { paths, config, apiUrl, version, log, counters, status };
  const link: CloudLink | undefined = cloudOptions && (await openCloudLink(cloudOptions));
  const host: NodeHost = await assembleHost({ paths, live, env, log, api: link?.api });

  const nodes = new NodeTable(host, (actor) => {
    operations.changed(actor);
    watch.changed(actor);
    archives.changed(actor);
    cloud?.nodeChanged();
    if (status.updateEndsAt !== undefined) status.notify();
  });
  const operations = new OperationMeter(counters);
  const archives = new ArchiveOperations(host);
  const watch = watchNodes(nodes, host, log);
  // Nobody reads what dev nodes tell until somebody asks for metrics.
  let scraped = false;
  const isRead = (actor: NodeActor): boolean => scraped || (cloud !== undefined && !actor.snapshot().state.dev_mode);
  const polls = new NodePolls(nodes, counters, isRead);
  const cloud = cloudOptions && link ? new Cloud(cloudOptions, link, host, nodes, polls) : undefined;

  let metrics: MetricsEndpoint | HostError | undefined;
  // Finding out takes a moment, and nothing that is served needs it.
  let runtime: RuntimeProbe | undefined;
  host.runtime.probe().then(
    (found) => {
      runtime = found;
      if (!found.usable) log.error(`no containers can be run: ${found.reason}; ${found.fix}`);
    },
    (error: Error) => log.error(`whether containers can be run is not known: ${error.message}`),
  );
  const guard = guardDisks(host, nodes);
  const reload = async (): Promise<ConfigChange> => {
    const change = await live.reload();
    log.info(change, "configuration read again");
    return change;
  };
  let userIds: string | undefined;
  const ending = new AbortController();
  const context: ServiceContext = {
    host,
    nodes,
    status,
    version,
    startedAt,
    reload,
    archives,
    ending: ending.signal,
    cloud: cloud?.controlPlane,
    requireCloud: () => {
      if (cloud) return cloud.controlPlane;
      throw new HostError("unsupported", "this host has no control plane", { hint: "register it with `bvup TOKEN`" });
    },
    conditions: () => [
      ...(runtime === undefined ? [] : [runtimeCondition(host.runtime.kind, runtime)]),
      ...(userIds === undefined ? [] : [{ name: "user-ids", ok: true, message: userIds }]),
      pluginCondition(host),
      ...unexpected.conditions(),
      ...(cloud?.conditions() ?? []),
      ...(metrics === undefined ? [] : [metricsCondition(metrics)]),
      ...guard.conditions(),
      ...argumentConditions(host),
      ...nodeConditions(host, nodes.snapshots()),
    ],
  };
  for (const { message } of argumentConditions(host)) log.warn(message);
  if (host.workersAgainst !== undefined) log.warn(pluginCondition(host).message);
  const server = await serveSocket(paths, version, (router) => hostRoutes(router, context));
  log.info({ socket: paths.socket, mode: config.devMode ? "dev" : "cloud" }, `blockvisord ${version} serves`);
  // Each look wakes the daemon up: a delay that matters is longer than this anyway.
  const loopDelay = monitorEventLoopDelay({ resolution: 500 });
  const { conditions } = context;
  const page = metricsPage(() => {
    scraped = true;
    loopDelay.enable();
    const commandsWaiting = (): number | undefined => cloud?.commandsWaiting;
    return scrape({
      host,
      nodes,
      version,
      startedAt,
      counters,
      operations,
      polls,
      loopDelay,
      commandsWaiting,
      conditions,
    });
  });
  // Nodes matter more than their metrics: the daemon runs without, and says so.
  const metricsSocket = await serveMetricsAt(paths.metricsSocket, page).catch((error: Error) => {
    log.error(`metrics cannot be served at ${paths.metricsSocket}: ${error.message}`);
  });
  if (metricsPort !== undefined) {
    metrics = await serveMetrics(metricsPort, page).catch((error: HostError) => {
      log.error(error.message);
      return error;
    });
  }

  const attached = nodes
    .load(() => status.notify())
    .then(async () => {
      await removeOrphans(host, nodes);
      host.trash.empty();
      status.set(ServiceStatus.OK);
      log.info({ nodes: nodes.counts.total, running: nodes.counts.running }, "all nodes attached");
      await cloud?.start();
      const against = await host.ownIds.against(host.paths.nodes);
      if (against !== undefined) log.info(`nodes have the machine's user ids: ${against}`);
      userIds = against === undefined ? "each node has its own" : `all nodes have the machine's: ${against}`;
    })
    .catch((error: unknown) => {
      status.set(ServiceStatus.BROKEN);
      log.error(`nodes cannot be attached: ${(error as Error).message}`);
    });
  const firewalls = watchFirewalls(host, nodes, () => host.config.recovery.checkMs);
  const logs = boundLogs(nodes);
  const collection = collectImages(host, attached);

  return {
    reload,
    stop: async () => {
      ending.abort();
      watch.stop();
      firewalls.stop();
      guard.stop();
      ballast.stop();
      logs.stop();
      polls.stop();
      await metricsSocket?.close();
      if (metrics && "url" in metrics) await metrics.close();
      collection.stop();
      await cloud?.stop();
      await attached;
      await archives.close();
      await nodes.detach();
      await server.close();
      await host.workers.close();
      // One that we made and that no node is on; what else there is stays, and so do nodes that run.
      await host.network.removeBridge(config.interface).catch((error: unknown) => {
        log.warn(`the bridge ${config.interface} was not removed: ${(error as Error).message}`);
      });
      log.info("detached; nodes keep running");
    },
  };
}
