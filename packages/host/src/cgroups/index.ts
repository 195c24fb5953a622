export { type CgroupHierarchies, detectHierarchies } from "./hierarchies.ts";
export { type CgroupSocketMatch, createNodeCgroups, type NodeCgroups } from "./node-cgroup.ts";
export { machinePressure, type Pressure } from "./pressure.ts";
export type { ResourceLimits, ResourceUsage } from "./resource-limits.ts";
