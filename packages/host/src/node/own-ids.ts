import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isOperationError } from "@blockvisor/image/container";
import type { NodeCgroups } from "../cgroups/index.ts";
import { tryMappedFolder, tryMappedOverlay } from "../rootfs/index.ts";
import { type ContainerRuntime, tryLowPorts } from "../runtime/index.ts";
import { dataOf } from "./data-place.ts";
import { type NodeParts, usesHostNetwork, wantedRuntime } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";

/** Whether nodes of this machine can have user ids of their own: a user namespace, with a range that nothing else has. */
export interface OwnIds {
  /** Why not, for a node that writes to this folder; `undefined`: it can. Found out once by trying. */
  against(folder: string, runtime?: ContainerRuntime["kind"]): Promise<string | undefined>;
  /** Why not, for a node on the host's network: its own root could not have ports below 1024 there. */
  againstOnHostNetwork(): Promise<string | undefined>;
}

export function createOwnIds(options: {
  readonly mode: "auto" | "off";
  readonly runtime: Pick<ContainerRuntime, "withoutUserNamespaces">;
  /** Where root file systems lie. */
  readonly directory: string;
  readonly cgroups: Pick<NodeCgroups, "unifiedFolder">;
}): OwnIds {
  const { mode, runtime, directory, cgroups } = options;
  const folders = new Map<number, Promise<string | undefined>>();
  const machine = new Map<ContainerRuntime["kind"] | undefined, Promise<string | undefined>>();
  let lowPorts: Promise<string | undefined> | undefined;

  async function tryMachine(kind: ContainerRuntime["kind"] | undefined): Promise<string | undefined> {
    if (mode === "off") return "user_namespaces is off in blockvisor.json";
    return (await runtime.withoutUserNamespaces(kind)) ?? (await tryMappedOverlay(directory));
  }

  /** File systems differ in what they can do, folders of one do not. */
  async function tryFolder(folder: string): Promise<string | undefined> {
    const { dev } = await stat(folder);
    if (dev === (await stat(directory)).dev) return undefined;
    const known = folders.get(dev) ?? tryMappedFolder(folder);
    folders.set(dev, known);
    return known;
  }

  async function tryLowPortsHere(): Promise<string | undefined> {
    const folder = cgroups.unifiedFolder("trial");
    if (folder === undefined) return "this machine has no cgroup version 2";
    return tryLowPorts(`${dirname(folder)}-ports-trial`);
  }

  return {
    async againstOnHostNetwork() {
      lowPorts ??= tryLowPortsHere();
      const reason = await lowPorts;
      return reason && `the node is on the host's network, and would have no ports below 1024: ${reason}`;
    },

    async against(folder, kind) {
      const tried = machine.get(kind) ?? tryMachine(kind);
      machine.set(kind, tried);
      return (await tried) ?? (await tryFolder(folder));
    },
  };
}

/** Why the container of a node has the machine's user ids; `undefined`: it has its own. */
export async function againstOwnIds({ host, paths }: NodeParts, state: NodeState): Promise<string | undefined> {
  if (state.image.privileged) return "its image is privileged";
  const reason = usesHostNetwork(host, state) ? await host.ownIds.againstOnHostNetwork() : undefined;
  // A space is on a file system that can do it.
  const isKnown = state.space.kind !== "shared" && state.data_directory === null;
  return reason ?? host.ownIds.against(isKnown ? host.paths.nodes : dataOf(paths, state), wantedRuntime(host, state));
}

/** Shows the node's root file system with the ids its container is going to have. */
export async function mountRootfs(node: NodeParts, state: NodeState, version: string): Promise<void> {
  const { host, paths } = node;
  const ownIds = (await againstOwnIds(node, state)) === undefined;
  try {
    await host.rootfs.mount(paths.directory, version, { ownIds });
  } catch (error) {
    // Shown by an earlier daemon, and somebody looks into it: the node goes on as it was.
    const isShown = (await host.rootfs.mounted(paths.directory)) === version;
    if (!(ownIds && isShown && isOperationError(error, "rootfs-busy"))) throw error;
  }
}
