import { NodeHealth, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { type Api, callApi } from "./api.ts";

/**
 * Reports as failed a node of which this host knows nothing but its id; the API says what it calls its configuration. `protocol`: why, in a few
 * words. Errors of `callApi`.
 */
export async function tellFailed(api: Api, nodeId: string, protocol: string): Promise<void> {
  const { node } = await callApi(() => api.nodes.get({ nodeId }));
  const status = { state: NodeState.FAILED, protocol: { state: protocol, health: NodeHealth.UNHEALTHY } };
  await callApi(() => api.nodes.reportStatus({ nodeId, configId: node?.configId ?? "", status }));
}
