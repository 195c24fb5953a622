export { detectHierarchies } from "./hierarchies.ts";
export { type CgroupSocketMatch, createNodeCgroups, type NodeCgroups } from "./node-cgroup.ts";
export type { ResourceLimits, ResourceUsage } from "./resource-limits.ts";
