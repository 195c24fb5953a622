import type { HostConfig } from "../config/host-config.ts";
import { familyOf, type NodeNetworkSpec } from "../network/index.ts";
import { addressesOf, type NodeState } from "./node-state.ts";

/** The network of a node: each address in the host's subnet of its family; of the other family the way out is the host's (DB-6.9). */
export function networkOf(
  state: Pick<NodeState, "id" | "ip" | "extra_ips" | "gateway">,
  { interface: bridge, network }: Pick<HostConfig, "interface" | "network">,
): NodeNetworkSpec {
  const addresses = addressesOf(state);
  const subnets = network.ipv6 ? [network, network.ipv6] : [network];
  const prefixOf = (ip: string): number =>
    // In none of ours: only what the gateway leads to is reached.
    subnets.find(({ hostIp }) => familyOf(hostIp) === familyOf(ip))?.prefix ?? (familyOf(ip) === 4 ? 32 : 128);
  const others = subnets
    .map(({ gatewayIp }) => gatewayIp)
    .filter((gateway) => familyOf(gateway) !== familyOf(state.gateway))
    .filter((gateway) => addresses.some((ip) => familyOf(ip) === familyOf(gateway)));
  return {
    nodeId: state.id,
    bridge,
    addresses: addresses.map((ip) => ({ ip, prefix: prefixOf(ip) })),
    gateways: [state.gateway, ...others],
  };
}
