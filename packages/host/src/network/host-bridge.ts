import type { BridgeSpec } from "./node-network.ts";

interface Subnet {
  readonly hostIp: string;
  readonly gatewayIp: string;
  readonly prefix: number;
}

/**
 * The bridge that the configuration describes. Where the host itself is the gateway the subnet is known to this machine alone, so
 * nodes talk to others in the host's name (spec host-daemon DB-6.12); on a subnet with a router of its own they do not.
 */
export function hostBridge(config: {
  readonly interface: string;
  readonly network: Subnet & { readonly ipv6: Subnet | undefined };
}): BridgeSpec {
  const { ipv6, ...first } = config.network;
  const subnets = ipv6 ? [first, ipv6] : [first];
  return {
    name: config.interface,
    addresses: subnets.map((subnet) => ({
      address: `${subnet.hostIp}/${subnet.prefix}`,
      masquerade: isHidden(subnet),
    })),
  };
}

/** Whether nobody but the host knows the subnet: the host is its gateway. */
export function isHidden({ hostIp, gatewayIp }: Pick<Subnet, "hostIp" | "gatewayIp">): boolean {
  return hostIp === gatewayIp;
}
