import type { PluginWorkers } from "@blockvisor/plugin";
import type { Logger } from "pino";
import type { AgentArrival } from "../agent/agent-arrival.ts";
import type { AgentBundle } from "../agent/agent-bundle.ts";
import type { AgentLink } from "../agent/agent-link.ts";
import type { AgentRecord } from "../agent/agent-record.ts";
import type { NodeArchives } from "../agent/engine-archives.ts";
import type { EngineServer } from "../agent/engine-server.ts";
import type { TransferShares } from "../agent/transfer-shares.ts";
import type { NodeCgroups } from "../cgroups/index.ts";
import type { HostConfig } from "../config/host-config.ts";
import type { NodeFirewall } from "../firewall/index.ts";
import type { EventLog } from "../history/event-log.ts";
import type { ImageStore } from "../images/index.ts";
import type { NodeNetwork } from "../network/index.ts";
import type { HostPaths, NodePaths } from "../place/paths.ts";
import type { NodePlugin } from "../plugin/node-plugin.ts";
import type { NodeRootfs } from "../rootfs/index.ts";
import type { ContainerRuntime, ExitWatch, ProcessIdentity } from "../runtime/index.ts";
import type { NodeTasks } from "../schedule/node-tasks.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { NodeSpaces } from "../space/index.ts";
import type { CpuRegistry } from "./cpu-registry.ts";
import type { HostPorts } from "./host-ports.ts";
import type { Holder } from "./node-hold.ts";
import type { NodeState } from "./node-state.ts";
import type { OwnIds } from "./own-ids.ts";
import type { Trash } from "./trash.ts";

/** What all nodes of this machine share. */
export interface NodeHost {
  readonly paths: HostPaths;
  /** As it is now: what can be reloaded changes (`config/live-config.ts`), so it is read when it is needed. */
  readonly config: HostConfig;
  readonly agent: AgentBundle;
  readonly runtime: ContainerRuntime;
  readonly exits: ExitWatch;
  readonly rootfs: NodeRootfs;
  readonly spaces: NodeSpaces;
  readonly ownIds: OwnIds;
  readonly images: ImageStore;
  readonly cgroups: NodeCgroups;
  readonly network: NodeNetwork;
  readonly firewall: NodeFirewall;
  readonly workers: PluginWorkers;
  /** Why this machine cannot hold plugin workers in a sandbox; undefined: it does. */
  readonly workersAgainst: string | undefined;
  readonly cpus: CpuRegistry;
  readonly ports: HostPorts;
  readonly trash: Trash;
  /** Nodes whose state could not be written the last time, and why. */
  readonly unsaved: Map<string, string>;
  readonly log: Logger;
  /** Of all nodes' archive transfers. */
  readonly transferShares: TransferShares;
  readonly secretsOf: (state: NodeState) => Secrets;
  readonly archivesOf: (state: NodeState, storeKeys: ReadonlySet<string>) => NodeArchives | undefined;
  /** Whether the control plane has an archive: of the image without a store key, of one service with it. */
  readonly hasArchive: (state: NodeState, storeKey: string | undefined, signal: AbortSignal) => Promise<boolean>;
}

/** What belongs to one node besides its durable state. */
export interface NodeParts {
  readonly host: NodeHost;
  readonly paths: NodePaths;
  /** While something is done with the node, its lines name who asked for it. */
  log: Logger;
  readonly link: AgentLink;
  readonly plugin: NodePlugin;
  readonly tasks: NodeTasks;
  /** What happens to the node, for people. */
  readonly events: EventLog;
  /**
   * Lets `work` read another node's data, which do not change meanwhile: its processes are held still, or with `stop` it is down.
   * Error `not_found`.
   */
  readonly borrowData: (nodeId: string, stop: boolean, work: (directory: string) => Promise<void>) => Promise<void>;
  /** The state as it is durable now. */
  readonly state: () => NodeState;
  /** Environment of every process of the node. */
  readonly environment: () => Promise<Record<string, string>>;
  /** Cached content of `agent.json`. */
  agent: AgentRecord | undefined;
  /** The babel that comes up with the container that was just started. */
  arriving: AgentArrival | undefined;
  /** Resolves when that babel may be set up: with whether it finds there what Setup says. */
  offered: Promise<boolean> | undefined;
  /** The first process of the container, as it was seen last. */
  init: ProcessIdentity | undefined;
  engineServer: EngineServer | undefined;
  firewallApplied: boolean;
  /** Begins what `connecting` tells of, once the container has been started. */
  connect: (() => Promise<void>) | undefined;
  /** The network of a node whose container comes up: resolves when its rules are loaded and it is connected. */
  connecting: Promise<void> | undefined;
  /** A node on the host's network has nothing to look at; this stands for its being set up. */
  hostNetworkUp: boolean;
  /** Name of the root file system that `plugin` was loaded (or failed to load) from. */
  pluginOf: string | undefined;
  /** What of this daemon works on the data while the node is down. */
  holder: Holder | undefined;
}

/** What the node is to be run with, where that is not the host's choice (spec host-daemon DB-5.2). */
export function wantedRuntime(
  { config: { nodeRuntimes } }: Pick<NodeHost, "config">,
  { id, name }: Pick<NodeState, "id" | "name">,
): ContainerRuntime["kind"] | undefined {
  return nodeRuntimes.get(id) ?? nodeRuntimes.get(name);
}

export function usesHostNetwork(host: Pick<NodeHost, "config">, state: NodeState): boolean {
  return state.apptainer_config?.host_network ?? host.config.runtime.host_network;
}
