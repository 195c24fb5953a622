export type { ResourceLimits, ResourceUsage } from "./resource-limits.ts";
