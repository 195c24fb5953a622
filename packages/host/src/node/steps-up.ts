import { truncateSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type AgentArrival, awaitAgentSocket } from "../agent/agent-arrival.ts";
import { agentMountPoint } from "../agent/agent-bundle.ts";
import { newAgentRecord, writeAgentRecord } from "../agent/agent-record.ts";
import { serveEngine } from "../agent/engine-server.ts";
import { firstAgentOf } from "../agent/first-agent.ts";
import { type FirstSetup, offerSetup, withdrawSetup } from "../agent/first-setup.ts";
import { giveAuthorities } from "../agent/node-authorities.ts";
import { HostError, reportOf } from "../errors/host-error.ts";
import { logTail } from "../history/node-logs.ts";
import { hostBridge } from "../network/index.ts";
import { readPluginConfig } from "../plugin/node-engine.ts";
import { type ContainerSpec, isAlive, signalProcess } from "../runtime/index.ts";
import { adoptAgent } from "./adopt-agent.ts";
import { applyConfig, lostBabel } from "./apply-config.ts";
import { requireData } from "./data-place.ts";
import { firewallTarget, requireNetwork } from "./firewall-target.ts";
import { networkOf } from "./network-spec.ts";
import { dataMountPoint, nodeEnvOf } from "./node-env.ts";
import { type NodeParts, usesHostNetwork, wantedRuntime } from "./node-host.ts";
import { limitsOf } from "./node-limits.ts";
import { mappedPorts, portsOf } from "./node-ports.ts";
import type { NodeState } from "./node-state.ts";
import { agentStateOf } from "./observe.ts";
import type { Observed } from "./observed.ts";
import type { ExecutorTable } from "./outcome.ts";
import { mountRootfs } from "./own-ids.ts";
import { requireAllowed } from "./privileged.ts";
import { keepingSteps } from "./step-journal.ts";

const second = 1000;

/** Of what babel said before it failed, as much is looked at. */
const saidBytes = 4_096;

type AgentState = Exclude<Observed["agent"], "off" | "lost">;

/** Babel has this long to answer after its start; a slow disk loads its runtime slowly. */
const agentStartTimeoutMs = 30 * second;

/** `post_setup.sh` has 300 s (spec babel-agent D1-13). */
const setupTimeoutMs = 330 * second;

/** Steps that bring a node up. */
export const upSteps = {
  serve_engine: async (node) => {
    node.engineServer = await serveEngine(node.paths.engineSocket, {
      secret: () => node.agent?.secret,
      // Asked each time: init, which comes later, says what the services' archives are.
      archives: async () => node.host.archivesOf(node.state(), await storeKeysOf(node, node.state())),
      transferShare: (job) => node.host.transferShares.of(node.paths.id, job),
      blockingJobsFinished: () => node.log.debug("no upgrade-blocking job runs any more"),
      babelError: (message) => node.log.error(`Babel: ${message}`),
      unauthenticated: () => node.log.warn("refused: a process of the node asked its host without babel's secret"),
    });
    return { seen: { engine: "served" } };
  },

  set_up_network: async (node, _, { state }) => {
    const { host } = node;
    void host.cgroups.expectJoin();
    // Of an attempt that was given up: it must not connect what is made now.
    await node.connecting?.catch(() => {});
    node.connecting = undefined;
    node.connect = undefined;
    node.firewallApplied = false;
    if (usesHostNetwork(host, state)) {
      node.hostNetworkUp = true;
    } else {
      await host.network.ensureBridge(hostBridge(host.config));
      await host.network.prepare(networkOf(state, host.config));
    }
    return { seen: { network: "present", firewall: "unknown" } };
  },

  apply_firewall: async (node, _, { state }) => {
    const target = await firewallTarget(node, state);
    const ports = await portsOf(node.host, state);
    const apply = async (): Promise<void> => {
      if (target === undefined) return;
      await Promise.all([
        node.host.firewall.apply(state.id, target, state.firewall),
        target.kind === "bridged"
          ? node.host.network.mapPorts(state.id, mappedPorts(node.host, state, ports))
          : undefined,
      ]);
    };
    // Nothing gets through a network before it has its rules, so the container can start first.
    if (!node.host.network.namespace(state.id)) await apply();
    else if ((await node.host.runtime.state(state.id)).kind === "running") node.connecting = connect(node, apply);
    else node.connect = () => connect(node, apply);
    node.firewallApplied = true;
    return { seen: { firewall: "applied" }, ...(ports === state.ports ? {} : { state: { ports } }) };
  },

  start_container: async (node, _, { state, signal }) => {
    try {
      await startContainer(node, state, signal);
    } catch (error) {
      // A network that cannot be connected was taken down under it: that is why.
      await node.connecting;
      throw error;
    }
    return { seen: { container: "running", agent: "off" }, state: { started_at: null } };
  },

  start_agent: async (node, _, { state, signal }) => {
    // Nothing of the protocol has run so far.
    const { arriving, offered, connecting } = node;
    node.arriving = undefined;
    node.offered = undefined;
    node.connecting = undefined;
    if (arriving === undefined) {
      const [agent] = await Promise.all([startAgent(node, state, signal), connecting]);
      return { seen: { agent } };
    }
    const [isOffered] = await Promise.all([offered, connecting, firstAgentArrives(node, arriving, signal)]);
    const isSetUp = isOffered && (await withdrawSetup(node.paths.run)) === "taken";
    return isSetUp ? { seen: { agent: "ready" }, state: { reconfigure: false } } : { seen: { agent: "unconfigured" } };
  },

  configure_agent: async (node, _, { state, signal }) => {
    const { node_env: env, ramdisks, secret, ...logs } = setupOf(node, state);
    const request = {
      nodeEnv: messageOf(env),
      ramdisks: ramdisks.map((disk) => ({
        ramDiskMountPoint: disk.ram_disk_mount_point,
        ramDiskSizeMb: BigInt(disk.ram_disk_size_mb),
      })),
      secret,
      logLimitMb: logs.log_limit_mb ?? 0,
      logSegments: logs.log_segments ?? 0,
    };
    const call = { timeoutMs: setupTimeoutMs, signal, retry: true };
    await node.link.call("setup_babel", (options) => node.link.babel.setup(request, options), call);
    return { seen: { agent: "ready" }, state: { reconfigure: false } };
  },

  initialize: async (node, _, { signal, progress, save }) => {
    await keepingSteps(node.state, save, progress, (steps) => node.plugin.init({ signal, ...steps }));
    return { state: { initialized: true, services_dirty: false, config_dirty: false, uploading: false } };
  },

  renew_services: async (node, _, { state, signal, progress, save }) => {
    const isDone = await keepingSteps(node.state, save, progress, (steps) =>
      node.plugin.renewServices({ signal, isRenamed: state.config_dirty, ...steps }),
    );
    return { state: { services_dirty: false, ...(isDone ? { config_dirty: false } : { initialized: false }) } };
  },

  resume_services: async (node, _, { signal, progress, save }) => {
    await keepingSteps(node.state, save, progress, (steps) => node.plugin.resumeServices({ signal, ...steps }));
    return { state: { uploading: false } };
  },

  apply_config: async (node, _, { signal, progress, save }) => {
    try {
      const { pending } = await applyConfig({ parts: node, save }, { signal }, progress);
      if (pending !== "") node.log.warn(`services do not run by plugin_config as it is now: ${pending}`);
    } catch (error) {
      if (signal.aborted || lostBabel(error)) throw error;
      // The jobs there are run on with what they have; an engineer must still be able to call functions.
      node.log.warn(`plugin_config was not applied: ${reportOf(error).message}`);
    }
    return { state: { config_dirty: false } };
  },

  mark_started: async ({ host, paths }, _, { state }) => {
    if (state.space.kind !== "shared") await host.spaces.keepRoom(paths.directory, state.space);
    return { state: { started_at: Math.floor(Date.now() / second), problem: null, provisional: false } };
  },
} satisfies Partial<ExecutorTable>;

async function startContainer(node: NodeParts, state: NodeState, signal: AbortSignal): Promise<void> {
  const { host, paths } = node;
  if (state.space.kind !== "shared") await host.spaces.giveRoom(paths.directory, state.space);
  // The old secret dies with the old run of the container.
  node.agent = newAgentRecord(host.agent.version);
  node.arriving?.[Symbol.dispose]();
  node.arriving = awaitAgentSocket(paths.run);
  empty(paths.containerLog);
  const [spec] = await Promise.all([
    containerSpec(node, state),
    writeAgentRecord(paths.agentRecord, node.agent),
    withdrawSetup(paths.run),
    giveAuthorities(paths.run, host.config.caFile ?? process.env["NODE_EXTRA_CA_CERTS"]),
  ]);
  await host.runtime.create(spec);
  const network = host.network.namespace(state.id);
  node.init = await host.runtime.start(state.id, { signal, ...(network ? { network } : {}) });
  // The kernel makes whoever loads rules wait, and meanwhile others who make namespaces: later babel's own start covers it.
  node.connecting = node.connect?.();
  node.connect = undefined;
  node.offered = Promise.resolve(node.connecting).then(() => offerSetup(paths.run, setupOf(node, state)));
  node.offered.catch(() => {}); // Told when babel is there.
}

async function containerSpec(node: NodeParts, state: NodeState): Promise<ContainerSpec> {
  const { host, paths } = node;
  requireAllowed(host.config, state.image);
  const runtime = wantedRuntime(host, state);
  const [data, network, environment] = await Promise.all([
    requireData(paths, state),
    usesHostNetwork(host, state) ? undefined : requireNetwork(host, state.id),
    node.environment(),
    // Nodes of an earlier version, or after a change of the configuration, get the ids they have from now on.
    mountRootfs(node, state, state.image.rootfs),
  ]);
  const idBase = await host.rootfs.idBase(paths.directory);
  return {
    nodeId: state.id,
    ...(runtime ? { runtime } : {}),
    rootfs: paths.rootfs,
    ...(idBase === undefined ? {} : { idBase }),
    ...(state.image.privileged ? { privileged: true } : {}),
    init: host.agent.init,
    // Of the babel that comes with the container; one that is started later is called.
    env: { ...environment, BABEL_SETUP: "file" },
    hostname: state.name,
    network: network ? { kind: "namespace", path: network.namespacePath } : { kind: "host" },
    mounts: [
      { source: host.agent.directory, destination: agentMountPoint, readOnly: true },
      { source: paths.run, destination: "/var/lib/babel/run", readOnly: false },
      { source: data, destination: dataMountPoint, readOnly: false },
    ],
    ramdisks: state.vm_config.ramdisks.map((disk) => ({
      mountPoint: disk.ram_disk_mount_point,
      sizeMb: disk.ram_disk_size_mb,
    })),
    limits: limitsOf(host, state),
    logPath: paths.containerLog,
  };
}

async function storeKeysOf(node: NodeParts, state: NodeState): Promise<ReadonlySet<string>> {
  const saved = await readPluginConfig(node.paths.pluginConfig);
  const services = saved?.config.services.flatMap(({ store_key: key }) => (key === null ? [] : [key])) ?? [];
  return new Set([state.image.store_key, ...services]);
}

function setupOf(node: NodeParts, state: NodeState) {
  const secret = node.agent?.secret;
  if (secret === undefined) throw new HostError("internal", "babel is configured before it was started");
  const node_env = nodeEnvOf(state, node.host.config);
  const { maxMb, segments } = node.host.config.jobLogs;
  return {
    node_env,
    ramdisks: state.vm_config.ramdisks,
    secret,
    ...(maxMb === undefined ? {} : { log_limit_mb: maxMb }),
    ...(segments === undefined ? {} : { log_segments: segments }),
  } satisfies FirstSetup;
}

/** Behind its rules; without them, or with an address that somebody else has, the network is taken down and made anew by the next attempt. */
function connect(node: NodeParts, rules: () => Promise<void>): Promise<void> {
  const connecting = node.host.network.connect(node.paths.id, rules);
  connecting.catch(() => {}); // Told when babel is there.
  return connecting;
}

/** The babel that came with the container: init starts it, so that nothing has to be started in a container that runs. */
async function firstAgentArrives(node: NodeParts, arriving: AgentArrival, signal: AbortSignal): Promise<void> {
  using arrival = arriving;
  const { host, paths } = node;
  const container = await host.runtime.state(paths.id);
  if (container.kind !== "running") throw notStarted(node, paths.containerLog, "its container ended", undefined);
  let adopted: Promise<void> | undefined;
  const lives = (): boolean => {
    const first = firstAgentOf(container.init);
    if (first.kind === "running" && adopted === undefined) {
      adopted = adoptAgent(node, first.process);
      adopted.catch(() => {}); // Told when babel is there.
    }
    return first.kind !== "ended";
  };
  await untilThere(node, { arrival, signal, logPath: paths.containerLog, lives, deadline: agentDeadline() });
  await adopted;
}

async function startAgent(node: NodeParts, state: NodeState, signal: AbortSignal): Promise<AgentState> {
  const { host, paths } = node;
  const record = node.agent ?? newAgentRecord(host.agent.version);
  // A babel that exists but does not answer would keep its socket; jobs live on without it.
  if (record.process && signalProcess(record.process, "SIGKILL")) await ended(record.process);
  empty(paths.agentLog);
  using arrival = awaitAgentSocket(paths.run);
  const command = { argv: host.agent.command, env: await node.environment(), logPath: paths.agentLog };
  const process = await host.runtime.exec(state.id, command, { signal });
  node.agent = { ...record, process, version: host.agent.version };
  await writeAgentRecord(paths.agentRecord, node.agent);
  const call = { timeoutMs: 2 * second, signal };
  const coming = { arrival, signal, logPath: paths.agentLog, lives: () => isAlive(process), deadline: agentDeadline() };
  for (let failure: unknown; ; ) {
    await untilThere(node, coming, failure);
    try {
      return agentStateOf(
        (await node.link.call("get_version", (options) => node.link.babel.getVersion({}, options), call)).state,
      );
    } catch (error) {
      failure = error;
    }
  }
}

interface ComingAgent {
  readonly arrival: AgentArrival;
  readonly signal: AbortSignal;
  /** Where its last words are. */
  readonly logPath: string;
  readonly lives: () => boolean;
  readonly deadline: number;
}

const agentDeadline = (): number => Date.now() + agentStartTimeoutMs;

/** Waits until babel's socket is there. Fails at once, with its last words, when its process has ended; else at the deadline, also with `failure`. */
async function untilThere(node: NodeParts, coming: ComingAgent, failure?: unknown): Promise<void> {
  const { arrival, signal, logPath, lives, deadline } = coming;
  while (lives() && Date.now() < deadline && !signal.aborted) if (await arrival.next()) return;
  const log = Buffer.from(await logTail(logPath, saidBytes).catch(() => ""));
  const said = log.toString().trim().split("\n").slice(-5).join("\n");
  throw notStarted(
    node,
    logPath,
    said || (failure instanceof Error ? failure.message : "it did not open its socket"),
    failure,
  );
}

function notStarted({ paths }: NodeParts, logPath: string, reason: string, cause: unknown): HostError {
  return new HostError("runtime_error", `failed to start babel for ${paths.id}: ${reason}`, {
    hint: `see ${logPath}`,
    cause,
  });
}

function empty(log: string): void {
  try {
    truncateSync(log, 0);
  } catch {
    // There was none.
  }
}

async function ended(process: Parameters<typeof isAlive>[0]): Promise<void> {
  while (isAlive(process)) await pause(5);
}

function messageOf(env: ReturnType<typeof nodeEnvOf>) {
  return {
    nodeId: env.node_id,
    nodeName: env.node_name,
    nodeOrgId: env.node_org_id,
    nodeVersion: env.node_version,
    nodeProtocol: env.node_protocol,
    nodeVariant: env.node_variant,
    nodeIp: env.node_ip,
    nodeIpv6: env.node_ipv6,
    nodeGateway: env.node_gateway,
    devMode: env.dev_mode,
    bvHostId: env.bv_host_id,
    bvHostName: env.bv_host_name,
    bvApiUrl: env.bv_api_url,
    dataMountPoint: env.data_mount_point,
    protocolDataPath: env.protocol_data_path,
    properties: { ...env.properties },
  };
}
