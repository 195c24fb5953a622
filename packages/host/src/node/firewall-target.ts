import { isDeepStrictEqual } from "node:util";
import { HostError } from "../errors/host-error.ts";
import type { FirewallTarget } from "../firewall/index.ts";
import type { NodeNetworkHandle } from "../network/index.ts";
import { type NodeHost, type NodeParts, usesHostNetwork } from "./node-host.ts";
import { limitsOf } from "./node-limits.ts";
import { mappedPorts } from "./node-ports.ts";
import type { NodeState } from "./node-state.ts";

/** Error `runtime_error`. */
export async function requireNetwork(host: NodeHost, nodeId: string): Promise<NodeNetworkHandle> {
  const network = await host.network.inspect(nodeId);
  if (network) return network;
  throw new HostError("runtime_error", "the node's network vanished while it was started", {
    hint: "start the node again",
  });
}

/** Undefined: a node on the host's network, on a machine that cannot tell its traffic from the host's own. */
export async function firewallTarget({ host, log }: NodeParts, state: NodeState): Promise<FirewallTarget | undefined> {
  if (usesHostNetwork(host, state)) {
    const cgroup = host.cgroups.socketMatch(state.id);
    if (cgroup === undefined) {
      log.warn("firewall rules are not enforced: a node on the host's network needs cgroup version 2");
      return undefined;
    }
    await host.cgroups.ensure(state.id, limitsOf(host, state));
    return { kind: "host", cgroup };
  }
  const { namespacePath, hostInterface, mac, addresses } = await requireNetwork(host, state.id);
  return { kind: "bridged", namespacePath, hostInterface, mac, addresses };
}

/** Whether the rules that an earlier daemon loaded are those the node has now, so that a new daemon need not load hundreds of them again. */
export async function holdsRules(node: NodeParts, state: NodeState): Promise<boolean> {
  const { host } = node;
  if (usesHostNetwork(host, state)) return false;
  const network = await host.network.inspect(state.id);
  if (network === undefined) return false;
  const { ports } = mappedPorts(host, state, state.ports);
  if (!isDeepStrictEqual(await host.network.mappedPorts(state.id), ports)) return false;
  return host.firewall.holds(state.id, { kind: "bridged", ...network }, state.firewall);
}
