export { createNodeSpaces } from "./local-node-spaces.ts";
export type { NodeSpaces, SpaceKind, SpaceUse } from "./node-space.ts";
