export { createNodeRootfs, mountPointsBelow, unmountPoint } from "./local-node-rootfs.ts";
export type { NodeRootfs } from "./node-rootfs.ts";
export {
  listRootedDirectory,
  openRootedFile,
  readRootedFile,
  removeRootedFile,
  writeRootedFile,
} from "./rooted-file.ts";
export { connectRootedSocket } from "./rooted-socket.ts";
export { tryMappedFolder, tryMappedOverlay } from "./rootfs-storage.ts";
