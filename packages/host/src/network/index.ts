export type { BridgeSpec, NodeNetwork, NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";
