export { chooseRange, RANGE_SIZE } from "./id-range.ts";
export { mappedMounts, type StagedTree } from "./mapped-mounts.ts";
export { stageBeside } from "./stage.ts";
