export type { NodeRootfs, RootfsVersion } from "./node-rootfs.ts";
