import { randomUUID } from "node:crypto";
import { NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import type { Node } from "@blockvisor/wire/blockjoy/v1/node";
import { NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import type { HostConfig } from "../config/host-config.ts";
import { HostError } from "../errors/host-error.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { ControlPlane, NodeMessage } from "../service/control-plane.ts";
import { type Api, apiError, callApi } from "./api.ts";

/** Why the last command about a node failed here; epoch milliseconds. */
interface CommandFailure {
  readonly message: string;
  readonly at: number;
}

/** Most nodes of this host that a listing asks for. */
const maxListed = 1000n;

/** Somebody who looks at the nodes waits no longer for those that only the API knows. */
const defaultLookMs = 3_000;

/** What `bv` asks of the API through the daemon (spec host-daemon §2.2). */
export function apiControlPlane(
  api: Api,
  config: HostConfig,
  nodes: NodeTable,
  failureOf: (nodeId: string) => CommandFailure | undefined,
  lookMs = defaultLookMs,
): Omit<ControlPlane, "emergency" | "reportHost"> {
  const orgId = config.privateOrgId ?? config.orgId;

  const findImage = async (
    protocolKey: string,
    variantKey: string,
    version: string | undefined,
    build: bigint | undefined,
  ) => {
    const { image } = await callApi(() =>
      api.images.getImage({
        versionKey: { protocolKey, variantKey },
        ...(orgId === undefined ? {} : { orgId }),
        ...(version === undefined ? {} : { semanticVersion: version }),
        ...(build === undefined ? {} : { buildVersion: build }),
      }),
    );
    if (image === undefined) throw new HostError("not_found", "image not found", { hint: "see `bv protocol list`" });
    return image;
  };

  return {
    createNode: async (request) => {
      if (orgId === undefined) {
        throw new HostError(
          "unsupported",
          "create node is not supported on public hosts without org assigned - use web frontend",
        );
      }
      const image = await findImage(request.protocolKey, request.variantKey, request.version, request.build);
      const { nodes: created } = await callOnce((once) =>
        api.nodes.create(
          {
            orgId,
            imageId: image.imageId,
            launcher: { launch: { case: "byHost", value: { hostCounts: [{ hostId: config.hostId, nodeCount: 1 }] } } },
            newValues: Object.entries(request.properties).map(([key, value]) => ({ key, value })),
            ...(request.tags.length > 0 ? { tags: { tags: request.tags.map((name) => ({ name })) } } : {}),
          },
          once,
        ),
      );
      const [node, ...others] = created;
      if (node === undefined) throw new HostError("failed", "empty node create response from API");
      if (others.length > 0) throw new HostError("failed", "unexpected multiple node creation response");
      return remoteNode(node);
    },
    startNode: async (nodeId) => void (await callOnce((once) => api.nodes.start({ nodeId }, once))),
    stopNode: async (nodeId) => void (await callOnce((once) => api.nodes.stop({ nodeId }, once))),
    restartNode: async (nodeId) => void (await callOnce((once) => api.nodes.restart({ nodeId }, once))),
    deleteNode: async (nodeId) => void (await callOnce((once) => api.nodes.delete({ nodeId }, once))),
    upgradeNode: async (nodeId, version, build) => {
      const state = nodes.get(nodeId)?.snapshot().state;
      if (state === undefined) throw new HostError("not_found", `Node ${nodeId} not found`);
      const { protocol_key, variant_key } = state.image_key;
      const { imageId } = await findImage(protocol_key, variant_key, version, build);
      if (state.image.id === imageId) return imageId;
      try {
        await callOnce((once) => api.nodes.upgradeImage({ nodeIds: [nodeId], imageId, orgId: state.org_id }, once));
      } catch (error) {
        // Somebody asked before, or the node is one of those that follow new versions by themselves.
        if (!(error instanceof HostError && error.code === "conflict")) throw error;
      }
      return undefined;
    },
    archiveStore: api.archiveStore,
    listArchives: (request) => callApi(() => api.archiveStore.listArchives(request)),
    listProtocols: (request) => callApi(() => api.protocols.listProtocols(request)),
    listNodes: async () => {
      if (orgId === undefined) return [];
      const request = { orgIds: [orgId], hostIds: [config.hostId], offset: 0n, limit: maxListed };
      const { nodes: listed } = await callWithin(lookMs, (options) => api.nodes.list(request, options));
      return listed
        .filter((node) => node.nodeStatus?.state !== NodeState.DELETED)
        .map((node) => remoteNode(node, failureOf(node.nodeId)));
    },
  };
}

/** One try, which also ends when it is our own login that hangs. Rejects with HostError. */
async function callWithin<T>(timeoutMs: number, send: (options: CallOptions) => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new ConnectError(`no answer within ${timeoutMs / 1000} s`, Code.DeadlineExceeded)),
    timeoutMs,
  );
  try {
    return await Promise.race([send({ timeoutMs }), late]);
  } catch (error) {
    throw apiError(ConnectError.from(error));
  } finally {
    clearTimeout(timer);
  }
}

/** A call that changes something: repeated after its answer was lost on the way, it still takes effect once. */
function callOnce<T>(send: (options: CallOptions) => Promise<T>): Promise<T> {
  const once = { headers: { "idempotency-key": randomUUID() } };
  return callApi(() => send(once));
}

const statuses: Readonly<Partial<Record<NodeState, NodeStatus>>> = {
  [NodeState.RUNNING]: NodeStatus.RUNNING,
  [NodeState.STOPPED]: NodeStatus.STOPPED,
  [NodeState.FAILED]: NodeStatus.FAILED,
};

/** A node that the API has for this host and that is not here (yet). */
function remoteNode(node: Node, failure?: CommandFailure): NodeMessage {
  const since = failure && timestampFromMs(failure.at);
  return {
    ...(failure && since ? { problem: { code: "command_failed", message: failure.message, since } } : {}),
    id: node.nodeId,
    name: node.nodeName,
    status: statuses[node.nodeStatus?.state ?? NodeState.UNSPECIFIED] ?? NodeStatus.BUSY,
    imageKey: {
      protocolKey: node.versionKey?.protocolKey ?? "",
      variantKey: node.versionKey?.variantKey ?? "",
    },
    image: { version: node.semanticVersion, id: node.imageId, configId: node.configId },
    ip: node.ipAddress,
    gateway: node.ipGateway,
    displayName: node.displayName,
    protocolId: node.protocolId,
    protocolName: node.protocolName,
    orgId: node.orgId,
    orgName: node.orgName,
    dnsName: node.dnsName,
    tags: node.tags?.tags.map(({ name }) => name) ?? [],
    remote: true,
  };
}
