export { createNodeRootfs } from "./local-node-rootfs.ts";
export type { NodeRootfs, RootfsVersion } from "./node-rootfs.ts";
export {
  listRootedDirectory,
  openRootedFile,
  type RootedEntry,
  readRootedFile,
  removeRootedFile,
  writeRootedFile,
} from "./rooted-file.ts";
export { connectRootedSocket } from "./rooted-socket.ts";
