import type { BridgeSpec } from "./node-network.ts";

/**
 * The bridge that the configuration describes. Where the host itself is the gateway the subnet is known to this machine alone, so
 * nodes talk to others in the host's name (spec host-daemon DB-6.12); on a subnet with a router of its own they do not.
 */
export function hostBridge(config: {
  readonly interface: string;
  readonly network: { readonly hostIp: string; readonly gatewayIp: string; readonly prefix: number };
}): BridgeSpec {
  const { hostIp, gatewayIp, prefix } = config.network;
  return { name: config.interface, address: `${hostIp}/${prefix}`, masquerade: hostIp === gatewayIp };
}
