export { createNodeSpaces } from "./local-node-spaces.ts";
export type { NodeSpaces } from "./node-space.ts";
