import { HostService } from "@blockvisor/wire/blockvisor/host/v1/host";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { redactedConfig } from "../config/host-config.ts";
import { HostError, reportOf } from "../errors/host-error.ts";
import { checkBabelVersion, checkGrowth, checkResources, machineOf } from "../node/admission.ts";
import { chooseAddresses } from "../node/choose-address.ts";
import { NodeActor } from "../node/node-actor.ts";
import { refuseHeld } from "../node/node-hold.ts";
import { resolveNode } from "../node/node-lookup.ts";
import { setPorts, wantedPorts } from "../node/node-ports.ts";
import type { NodeContent, NodeState } from "../node/node-state.ts";
import type { BrokenNode } from "../node/node-store.ts";
import { petName } from "../node/pet-name.ts";
import { type AddressPool, freeAddresses } from "../place/addresses.ts";
import { requireSecrets } from "../secrets/dev-secrets.ts";
import { archiveEngineRoutes, archiveService } from "./archive-service.ts";
import { clonedState } from "./clone-node.ts";
import type { NodeMessage } from "./control-plane.ts";
import { shownStatus } from "./daemon-status.ts";
import { devNodeState, type NewNode, upgradedContent } from "./dev-node.ts";
import { firewallService } from "./firewall-service.ts";
import { historyService } from "./history-service.ts";
import { isolationMessage } from "./isolation-message.ts";
import { jobService } from "./job-service.ts";
import { metricsService } from "./metrics-service.ts";
import { brokenMessage, nodeMessage } from "./node-message.ts";
import {
  type Asker,
  awaitUpgrade,
  deleteNode,
  moveNodeData,
  restartNode,
  rollbackNode,
  startNode,
  stopNode,
  upgradeNode,
} from "./node-operations.ts";
import { operationEvents } from "./operation-events.ts";
import { recordedPlugin, requireRecordable } from "./record-plugin.ts";
import { served, whoAsks } from "./requests.ts";
import type { ServiceContext } from "./service-context.ts";
import { shellService } from "./shell-service.ts";
import { taskMessage } from "./task-message.ts";
import { updateService } from "./update-service.ts";

const maxListedAddresses = 256;

/** The daemon's local service (host.proto). Reading never waits for a node; operations are the node's mailbox. */
export function hostRoutes(router: ConnectRouter, context: ServiceContext): void {
  router.service(HostService, served(hostService(context), context));
  archiveEngineRoutes(router, context);
}

function hostService(context: ServiceContext): ServiceImpl<typeof HostService> {
  const { host, nodes } = context;
  const find = (reference: string, operation: string): NodeActor => nodes.find(reference, operation);

  const message = async (actor: NodeActor, showValues = false): Promise<NodeMessage> => {
    const snapshot = actor.snapshot();
    const container = await host.runtime.state(actor.id);
    const { failure } = actor.parts.plugin;
    const broken = failure !== undefined && actor.parts.pluginOf !== undefined ? reportOf(failure) : undefined;
    const problem = broken && { code: broken.code, message: broken.message, attempts: 0 };
    const pid = container.kind === "running" ? container.init.pid : undefined;
    return nodeMessage(snapshot, host.paths, pid, problem, showValues);
  };

  /** A node that only the API has: its creation has not come here yet, or failed here (spec host-daemon §2.3). */
  const remoteNode = async (reference: string): Promise<(NodeMessage & { readonly id: string }) | undefined> => {
    try {
      nodes.lookUp(reference);
      return undefined;
    } catch (error) {
      if (!context.cloud || reportOf(error).code !== "not_found") throw error;
    }
    const listed = await context.cloud.listNodes();
    return resolveNode(
      reference,
      listed.map((node) => ({ ...node, id: node.id ?? "", name: node.name ?? "" })),
    );
  };

  const requestedEvent = (nodeId: string) => {
    const value = { message: "requested; the API sends the command" };
    return { nodeId, event: { case: "requested" as const, value } };
  };

  /** Dev nodes and emergencies are served here; all others belong to the API, whose commands come back to us. */
  async function* operation(
    reference: string,
    verb: string,
    local: boolean,
    request: (id: string) => Promise<void>,
    { requestHeader }: HandlerContext,
    operate: (actor: NodeActor, asker: Asker) => Promise<unknown>,
  ) {
    const remote = local ? undefined : await remoteNode(reference);
    if (remote !== undefined) {
      await request(remote.id);
      yield requestedEvent(remote.id);
      return;
    }
    const actor = find(reference, verb);
    if (context.cloud && !local && !actor.snapshot().state.dev_mode) {
      await request(actor.id);
      yield requestedEvent(actor.id);
      return;
    }
    context.status.requireOk();
    await noted(actor, verb);
    yield* here(actor, requestHeader, operate);
  }

  /** One that the API has is deleted by it, as any other; one that nobody else knows is deleted here. */
  const deleteBroken = async (node: BrokenNode, local: boolean) => {
    if (context.cloud && !local && node.devMode !== true) {
      try {
        await context.cloud.deleteNode(node.id);
        return requestedEvent(node.id);
      } catch (error) {
        if (reportOf(error).code !== "not_found") throw error;
      }
    }
    const value = brokenMessage(node, host.paths);
    if (node.devMode !== true) await context.cloud?.emergency(node.id, "delete");
    await nodes.deleteBroken(node.id);
    return { nodeId: node.id, event: { case: "done" as const, value } };
  };

  /** The API hears of what is done with its nodes without it (spec host-daemon DB-3.7). */
  const noted = async (actor: NodeActor, action: string): Promise<void> => {
    if (!actor.snapshot().state.dev_mode) await context.cloud?.emergency(actor.id, action);
  };

  /** What this host does by itself. */
  const here = (actor: NodeActor, headers: Headers, operate: (actor: NodeActor, asker: Asker) => Promise<unknown>) =>
    operationEvents(actor.id, async (onNews) => {
      await operate(actor, { onNews, origin: "local", ...whoAsks(headers) });
      return message(actor);
    });

  const allStates = (): readonly NodeState[] => nodes.snapshots().map(({ state }) => state);

  /** Makes a node at an address that nobody else has. */
  async function* createWith(
    wanted: { readonly ip: string; readonly extraIps: readonly string[] },
    headers: Headers,
    stateOf: (chosen: NewNode) => NodeState,
    secrets: Readonly<Record<string, string>> = {},
  ) {
    const { ip, extraIps, release } = await chooseAddresses(host, nodes, wanted);
    try {
      const machine = await machineOf(host.paths.var, host.config.cpuOvercommit);
      const state = stateOf({ ip, extraIps, name: petName(nodes.usedNames()) });
      if (!host.config.maintenanceMode) checkResources(state.vm_config, allStates(), machine);
      yield* operationEvents(state.id, async (onNews) => {
        const { requestId } = whoAsks(headers);
        const creation = nodes.create(state, { onNews, origin: "local", requestId, secrets });
        // From here on the table knows that it is taken.
        release();
        await creation;
        return message(find(state.id, "show"));
      });
    } finally {
      release();
    }
  }

  return {
    ...jobService(context),
    ...metricsService(context),
    ...firewallService(context),
    ...historyService(context),
    ...archiveService(context),
    ...shellService(context),

    getInfo: async () => {
      const { config } = host;
      const { total, running } = nodes.counts;
      const { gatewayIp, hostIp, ipv6 } = config.network;
      const free = (pool: AddressPool) => [...freeAddresses(pool, nodes.usedAddresses()).take(maxListedAddresses)];
      const conditions = context.conditions();
      return {
        name: config.devMode ? "blockvisord-dev" : "blockvisord",
        version: context.version,
        status: shownStatus(context.status.current, conditions),
        devMode: config.devMode,
        root: host.paths.root,
        hostId: config.hostId,
        hostName: config.hostName,
        apiUrl: config.apiUrl ?? "",
        interface: config.interface,
        gatewayIp,
        hostIp,
        freeIps: free(config.network),
        ...(ipv6 ? { ipv6: { gatewayIp: ipv6.gatewayIp, hostIp: ipv6.hostIp, freeIps: free(ipv6) } } : {}),
        runtime: host.runtime.kind,
        agentDir: host.agent.directory,
        conditions,
        nodesTotal: total,
        nodesRunning: running,
        startedAt: timestampFromDate(context.startedAt),
        configJson: redactedConfig(config),
        ...(config.orgId === undefined ? {} : { orgId: config.orgId }),
        ...(config.privateOrgId === undefined ? {} : { privateOrgId: config.privateOrgId }),
      };
    },
    getVersion: () => ({ version: context.version }),
    listProtocols: (request) => context.requireCloud().listProtocols(request),
    reportHost: async () => {
      await context.requireCloud().reportHost();
      return { hostId: host.config.hostId };
    },
    reloadConfig: async () => {
      const { applied, needsRestart } = await context.reload();
      return { applied: [...applied], needsRestart: [...needsRestart] };
    },
    ...updateService(context),
    watchStatus: async function* (_, { signal }) {
      for await (const status of context.status.watch(signal)) {
        const { total, attached } = nodes.counts;
        yield { status, nodesTotal: total, nodesAttached: attached };
      }
    },

    listNodes: async ({ local }) => {
      const listed = [
        ...(await Promise.all(nodes.actors().map((actor) => message(actor)))),
        ...nodes.broken().map((node) => brokenMessage(node, host.paths)),
      ];
      const warnings: string[] = [];
      if (!local && context.cloud) {
        const here = new Set(listed.map(({ id }) => id));
        // The API being down must never hide what is here (spec host-daemon DB-2.3).
        const remote = await context.cloud.listNodes().catch((error: unknown) => {
          warnings.push(`nodes of the control plane are not listed: ${reportOf(error).message}`);
          return [];
        });
        listed.push(...remote.filter(({ id }) => !here.has(id)));
      }
      return { nodes: listed.toSorted((a, b) => (a.name ?? "").localeCompare(b.name ?? "")), warnings };
    },
    getNode: async ({ node, showValues }) => {
      const remote = await remoteNode(node);
      if (remote !== undefined) return remote;
      const found = nodes.lookUp(node);
      if (!(found instanceof NodeActor)) return brokenMessage(found, host.paths);
      const isolation = await isolationMessage(found);
      return { ...(await message(found, showValues)), ...(isolation ? { isolation } : {}) };
    },
    repairNode: async ({ node, stateJson }) => message(await nodes.repair(node, stateJson)),
    listTasks: async ({ node }) => ({
      tasks: find(node, "show").parts.tasks.list().map(taskMessage),
    }),
    runTask: async ({ node, task }) => taskMessage(await find(node, "run a task of").parts.tasks.runNow(task)),
    deleteTask: async ({ node, task }) => {
      await find(node, "delete a task of").parts.tasks.delete(task);
      return {};
    },

    createNode: async (request) => {
      if (!context.cloud) {
        throw new HostError("unsupported", "blockvisord-dev support only dev nodes", {
          hint: "create a dev node with `nib image play`, or register this host with `bvup`",
        });
      }
      return { node: await context.cloud.createNode(request) };
    },
    createDevNode: async function* (request, { requestHeader }) {
      context.status.requireOk();
      const existing = request.id === "" ? undefined : nodes.get(request.id);
      if (existing) {
        yield { nodeId: existing.id, event: { case: "done" as const, value: await message(existing) } };
        return;
      }
      const ports = await wantedPorts(host.config, request.ports);
      requireSecrets(request.secrets);
      const stateOf = (chosen: NewNode) => {
        const state = { ...devNodeState(request, host.config, chosen, context.version), ports };
        checkBabelVersion(state.image.min_babel_version, context.version);
        return state;
      };
      yield* createWith(request, requestHeader, stateOf, request.secrets);
    },
    cloneNode: async function* (request, { requestHeader }) {
      context.status.requireOk();
      const existing = request.id === "" ? undefined : nodes.get(request.id);
      if (existing) {
        yield { nodeId: existing.id, event: { case: "done" as const, value: await message(existing) } };
        return;
      }
      const source = find(request.node, "clone");
      await refuseHeld(source);
      yield* createWith(request, requestHeader, (chosen) => clonedState(source.snapshot().state, request, chosen));
    },
    rollbackNode: async function* ({ node }, { requestHeader }) {
      context.status.requireOk();
      const actor = find(node, "roll back");
      await noted(actor, "rollback");
      yield* here(actor, requestHeader, rollbackNode);
    },
    setNodePorts: async function* ({ node, ports }, { requestHeader }) {
      context.status.requireOk();
      yield* here(find(node, "change the ports of"), requestHeader, (actor, asker) => setPorts(actor, ports, asker));
    },
    moveNodeData: async function* ({ node, directory }, { requestHeader }) {
      context.status.requireOk();
      const target = directory || undefined;
      yield* here(find(node, "move data of"), requestHeader, (actor, asker) => moveNodeData(actor, target, asker));
    },
    startNode: async function* ({ node, local }, call) {
      const request = (id: string) => context.requireCloud().startNode(id);
      yield* operation(node, "start", local, request, call, startNode);
    },
    stopNode: async function* ({ node, force, local }, call) {
      const request = (id: string) => context.requireCloud().stopNode(id);
      yield* operation(node, "stop", local, request, call, (actor, asker) => stopNode(actor, force, asker));
    },
    restartNode: async function* ({ node, force, local }, call) {
      const request = (id: string) => context.requireCloud().restartNode(id);
      yield* operation(node, "restart", local, request, call, (actor, asker) => restartNode(actor, force, asker));
    },
    upgradeNode: async function* ({ node, version, build }) {
      const actor = find(node, "upgrade");
      if (!context.cloud || actor.snapshot().state.dev_mode) {
        throw new HostError("unsupported", "dev node upgrade is not supported", { hint: "use `nib image upgrade`" });
      }
      const present = await context.cloud.upgradeNode(actor.id, version, build);
      if (present !== undefined) {
        yield* operationEvents(actor.id, async (onNews) => {
          await awaitUpgrade(actor, present, onNews);
          return message(actor);
        });
        return;
      }
      yield { nodeId: actor.id, event: { case: "requested" as const, value: { message: "upgrade triggered" } } };
    },
    upgradeDevNode: async function* (request, { requestHeader }) {
      const actor = find(request.node, "upgrade");
      if (!actor.snapshot().state.dev_mode) {
        throw new HostError("unsupported", "can't upgrade non dev node with dev image", {
          hint: "use `bv node upgrade`",
        });
      }
      context.status.requireOk();
      const how = { force: request.force, smokeCheck: request.smokeCheck, watchMs: request.watchMs };
      const machine = await machineOf(host.paths.var, host.config.cpuOvercommit);
      const target = (state: NodeState): NodeContent => {
        const content = upgradedContent(state, request);
        if (!host.config.maintenanceMode) checkGrowth(content.vm_config, state, allStates(), machine);
        return content;
      };
      yield* here(actor, requestHeader, (_, asker) => upgradeNode(actor, target, how, asker));
    },
    deleteNode: async function* ({ node, local }, call) {
      const remote = local ? undefined : await remoteNode(node);
      const broken = remote === undefined ? nodes.lookUp(node) : undefined;
      if (broken !== undefined && !(broken instanceof NodeActor)) {
        yield await deleteBroken(broken, local);
        return;
      }
      if (remote !== undefined || (context.cloud && !local && !find(node, "delete").snapshot().state.dev_mode)) {
        const request = (id: string) => context.requireCloud().deleteNode(id);
        yield* operation(node, "delete", local, request, call, async () => {});
        return;
      }
      const actor = find(node, "delete");
      const last = await message(actor);
      context.status.requireOk();
      await noted(actor, "delete");
      yield* operationEvents(actor.id, async (onNews) => {
        await deleteNode(actor, { onNews, origin: "local", requestId: whoAsks(call.requestHeader).requestId });
        return last;
      });
    },

    listCapabilities: async ({ node }) => {
      const { plugin } = find(node, "get capabilities of").parts;
      const { functions } = plugin.require();
      const callable = functions.filter((fn) => !fn.private && fn.params.length <= 1);
      const definitions = callable.map(({ name, params, doc, file, line }) => {
        return { name, params: [...params], doc: doc ?? "", file, line };
      });
      return { functions: [...plugin.capabilities], definitions };
    },
    runFunction: async ({ node, function: name, param }, { signal }) => {
      const actor = find(node, "run a function of");
      const { state, status } = actor.snapshot();
      if (state.dev_mode) await reloadForDev(actor, status === "Running");
      return { value: await actor.callPlugin(name, param, { signal }) };
    },
    recordPlugin: async ({ node, also }, { signal }) => {
      const actor = find(node, "record functions of");
      requireRecordable(actor);
      await reloadForDev(actor, true);
      return { recording: await recordedPlugin(actor, also, signal) };
    },
    reloadPlugin: async ({ node, dryRun }) => {
      const actor = find(node, "reload the plugin of");
      await actor.reloadPlugin();
      const { plugin } = actor.parts;
      const { changes = [], pending = "" } =
        (dryRun ? { ...(await plugin.reevaluate({ dryRun })), pending: "" } : await actor.applyConfig()) ?? {};
      return { functions: [...plugin.capabilities], changes: [...changes], pending };
    },
  };
}

/** What is on disk counts on dev nodes; a config that cannot be evaluated must not keep an engineer from calling another function. */
async function reloadForDev(actor: NodeActor, running: boolean): Promise<void> {
  const changed = await actor.reloadPlugin();
  if (!changed || !running) return;
  await actor.parts.plugin.reevaluate({}).catch((error: unknown) => {
    actor.parts.log.warn(`plugin_config was not evaluated again: ${reportOf(error).message}`);
  });
}
