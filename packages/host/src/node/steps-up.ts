import { readFile, truncate } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { type AgentArrival, awaitAgentSocket } from "../agent/agent-arrival.ts";
import { agentMountPoint } from "../agent/agent-bundle.ts";
import { newAgentRecord, writeAgentRecord } from "../agent/agent-record.ts";
import { serveEngine } from "../agent/engine-server.ts";
import { HostError, reportOf } from "../errors/host-error.ts";
import { hostBridge } from "../network/index.ts";
import { readPluginConfig } from "../plugin/node-engine.ts";
import { type ContainerSpec, isAlive, signalProcess } from "../runtime/index.ts";
import { firewallTarget, requireNetwork } from "./firewall-target.ts";
import { dataOf } from "./node-data.ts";
import { basicEnvironment, dataMountPoint, environmentFile, environmentOf, nodeEnvOf } from "./node-env.ts";
import { type NodeParts, usesHostNetwork } from "./node-host.ts";
import { limitsOf } from "./node-limits.ts";
import type { NodeState } from "./node-state.ts";
import { agentStateOf } from "./observe.ts";
import type { ExecutorTable } from "./outcome.ts";

const second = 1000;

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
      blockingJobsFinished: () => node.log.debug("no upgrade-blocking job runs any more"),
      babelError: (message) => node.log.error(`Babel: ${message}`),
    });
    return { seen: { engine: "served" } };
  },

  set_up_network: async (node, _, { state }) => {
    const { host } = node;
    node.firewallApplied = false;
    if (usesHostNetwork(host, state)) {
      node.hostNetworkUp = true;
    } else {
      const { network, interface: bridge } = host.config;
      await host.network.ensureBridge(hostBridge(host.config));
      await host.network.prepare({
        nodeId: state.id,
        bridge,
        addresses: [{ ip: state.ip, prefix: network.prefix }],
        gateways: [state.gateway],
      });
    }
    return { seen: { network: "present", firewall: "unknown" } };
  },

  apply_firewall: async (node, _, { state }) => {
    const target = await firewallTarget(node, state);
    const applied = target ? node.host.firewall.apply(state.id, target, state.firewall) : Promise.resolve();
    if (node.host.network.isWaiting(state.id)) {
      // Nothing gets through yet: the container can start meanwhile, and who connects the network waits for the rules.
      applied.catch(() => {});
      node.rulesLoading = applied;
    } else await applied;
    node.firewallApplied = true;
    return { seen: { firewall: "applied" } };
  },

  start_container: async (node, _, { state, signal }) => {
    // The old secret dies with the old run of the container.
    node.agent = newAgentRecord(node.host.agent.version);
    await writeAgentRecord(node.paths.agentRecord, node.agent);
    await node.host.runtime.create(await containerSpec(node, state));
    await node.host.runtime.start(state.id, { signal });
    return { seen: { container: "running", agent: "off" }, state: { started_at: null } };
  },

  start_agent: async (node, _, { state, signal }) => {
    const { host, paths } = node;
    const record = node.agent ?? newAgentRecord(host.agent.version);
    // A babel that exists but does not answer would keep its socket; jobs live on without it.
    if (record.process && signalProcess(record.process, "SIGKILL")) await ended(record.process);
    await truncate(paths.agentLog, 0).catch(() => {});
    using arrival = await awaitAgentSocket(paths.run);
    const process = await host.runtime.exec(
      state.id,
      {
        argv: host.agent.command,
        env: await node.environment(),
        logPath: paths.agentLog,
      },
      { signal },
    );
    node.agent = { ...record, process, version: host.agent.version };
    await writeAgentRecord(paths.agentRecord, node.agent);
    // Nothing of the protocol runs yet, so the network is connected while babel starts.
    const [agent] = await Promise.all([firstAnswer(node, arrival, signal), connectNetwork(node)]);
    return { seen: { agent } };
  },

  configure_agent: async (node, _, { state, signal }) => {
    const secret = node.agent?.secret;
    if (secret === undefined) throw new HostError("internal", "babel is configured before it was started");
    const env = nodeEnvOf(state, node.host.config);
    const request = {
      nodeEnv: messageOf(env),
      ramdisks: state.vm_config.ramdisks.map((disk) => ({
        ramDiskMountPoint: disk.ram_disk_mount_point,
        ramDiskSizeMb: BigInt(disk.ram_disk_size_mb),
      })),
      secret,
    };
    const call = { timeoutMs: setupTimeoutMs, signal, retry: true };
    await node.link.call("setup_babel", (options) => node.link.babel.setup(request, options), call);
    await writeEnvironmentFile(node, environmentFile(environmentOf(env)));
    return { seen: { agent: "ready" }, state: { reconfigure: false } };
  },

  initialize: async (node, _, { signal, progress }) => {
    await node.plugin.init({ signal, onStep: (step) => progress(describeInitStep(step)) });
    return { state: { initialized: true, config_dirty: false } };
  },

  reevaluate_config: async (node, _, { signal }) => {
    // The jobs there are run on with what they have; an engineer must still be able to call functions.
    await node.plugin.reevaluate({ signal }).catch((error: unknown) => {
      node.log.warn(`plugin_config was not evaluated again: ${reportOf(error).message}`);
    });
    return { state: { config_dirty: false } };
  },

  mark_started: async () => ({
    state: { started_at: Math.floor(Date.now() / second), problem: null, provisional: false },
  }),
} satisfies Partial<ExecutorTable>;

async function containerSpec({ host, paths }: NodeParts, state: NodeState): Promise<ContainerSpec> {
  const image = await host.images.get(state.image.digest);
  const network = usesHostNetwork(host, state) ? undefined : await requireNetwork(host, state.id);
  return {
    nodeId: state.id,
    rootfs: paths.rootfs,
    init: host.agent.init,
    env: { ...basicEnvironment, ...image.config.env },
    hostname: state.name,
    network: network ? { kind: "namespace", path: network.namespacePath } : { kind: "host" },
    mounts: [
      { source: host.agent.directory, destination: agentMountPoint, readOnly: true },
      { source: paths.run, destination: "/var/lib/babel/run", readOnly: false },
      { source: dataOf(paths, state), destination: dataMountPoint, readOnly: false },
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
  const config = await readPluginConfig(node.paths.pluginConfig);
  const services = config?.services.flatMap(({ store_key: key }) => (key === null ? [] : [key])) ?? [];
  return new Set([state.image.store_key, ...services]);
}

/** Behind its rules; without them, or with an address that somebody else has, the network is taken down and made anew by the next attempt. */
async function connectNetwork(node: NodeParts): Promise<void> {
  const { network } = node.host;
  const loading = node.rulesLoading;
  node.rulesLoading = undefined;
  await loading?.catch(async (error: unknown) => {
    await network.tearDown(node.paths.id);
    throw error;
  });
  await network.connect(node.paths.id);
}

/** Waits until babel answers. Fails at once, with babel's last words, when its process has ended. */
async function firstAnswer(
  node: NodeParts,
  arrival: AgentArrival,
  signal: AbortSignal,
): Promise<"unconfigured" | "ready" | "shut_down"> {
  const deadline = Date.now() + agentStartTimeoutMs;
  let failure: unknown;
  while (node.agent?.process && isAlive(node.agent.process) && Date.now() < deadline && !signal.aborted) {
    if (!(await arrival.next())) continue;
    try {
      const call = { timeoutMs: 2 * second, signal };
      return agentStateOf(
        (await node.link.call("get_version", (options) => node.link.babel.getVersion({}, options), call)).state,
      );
    } catch (error) {
      failure = error;
    }
  }
  const log = await readFile(node.paths.agentLog, "utf8").catch(() => "");
  const said = log.trim().split("\n").slice(-5).join("\n");
  const reason = said || (failure instanceof Error ? failure.message : "it did not open its socket");
  throw new HostError("runtime_error", `failed to start babel for ${node.paths.id}: ${reason}`, {
    hint: `see ${node.paths.agentLog}`,
    cause: failure,
  });
}

async function ended(process: Parameters<typeof isAlive>[0]): Promise<void> {
  while (isAlive(process)) await pause(5);
}

/** Tools in the image read it; babel itself does not, so a failure is only worth a warning (spec babel-agent §1.5). */
async function writeEnvironmentFile(node: NodeParts, text: string): Promise<void> {
  const path = "/var/lib/babel/node_env";
  const parts = async function* () {
    yield { part: { case: "header" as const, value: { path, mode: 0o600 } } };
    yield { part: { case: "content" as const, value: new TextEncoder().encode(text) } };
  };
  await node.link
    .call("file_write", (options) => node.link.babel.writeFile(parts(), options))
    .catch((error: unknown) => node.log.warn(`${path} was not written: ${(error as Error).message}`));
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

type InitStep = Parameters<NonNullable<NonNullable<Parameters<NodeParts["plugin"]["init"]>[0]>["onStep"]>>[0];

function describeInitStep(step: InitStep): string {
  switch (step.kind) {
    case "stop_jobs":
      return "stopping jobs";
    case "render":
      return `rendering ${step.destination}`;
    case "command":
      return `running: ${step.command.split("\n")[0]?.slice(0, 80)}`;
    case "job":
      return `creating job ${step.name}`;
    case "data_stage":
      return "deciding where protocol data come from";
    case "stop_service":
      return `stopping ${step.name}`;
    case "task":
      return `scheduling ${step.name}`;
  }
}
