export { type Cidr, contains, formatCidr, parseCidr } from "./addresses.ts";
export { createNodeNetwork } from "./bridged-node-network.ts";
export { hostBridge } from "./host-bridge.ts";
export type { NodeNetwork, NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";
