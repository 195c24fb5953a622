export { boundsOf, type Cidr, contains, familyOf, formatAddress, formatCidr, parseCidr } from "./addresses.ts";
export { createNodeNetwork } from "./bridged-node-network.ts";
export { hostBridge, isHidden } from "./host-bridge.ts";
export { launchInNetwork } from "./namespaces.ts";
export { presentTables, replacedTable } from "./nft-tables.ts";
export type { MappedPorts, NodeNetwork, NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";
