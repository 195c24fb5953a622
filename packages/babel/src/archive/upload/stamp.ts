import type { BigIntStats } from "node:fs";

/** What says that a file is what it was: size, inode, modification and change time in ns, in hex. (D5-04) */
export const stampOf = ({ size, ino, mtimeNs, ctimeNs }: BigIntStats): string =>
  [size, ino, mtimeNs, ctimeNs].map((each) => each.toString(16)).join(".");

/** Unix nanoseconds. */
export const mtimeOf = (stamp: string): bigint => BigInt(`0x${stamp.split(".")[2]}`);
