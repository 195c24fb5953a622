export { chooseRange, RANGE_SIZE } from "./id-range.ts";
export { mappedMounts, type StagedTree } from "./mapped-mounts.ts";
export { type Stage, stageBeside } from "./stage.ts";
