import { existsSync, readFileSync, statSync } from "node:fs";
import { mountOf } from "../rootfs/mount-table.ts";

/**
 * The disk that a folder lies on, `MAJOR:MINOR`, as control groups name it: of a partition the whole disk, of btrfs, which has no number of its
 * own, the device it was mounted from. Undefined: it lies in memory, or on another machine.
 */
export async function diskUnder(folder: string): Promise<string | undefined> {
  const number = deviceNumber(statSync(folder).dev);
  if (!number.startsWith("0:")) return wholeDisk(number);
  const { source = "" } = (await mountOf(folder)) ?? {};
  const device = source.startsWith("/") ? statSync(source, { throwIfNoEntry: false }) : undefined;
  return device?.isBlockDevice() ? wholeDisk(deviceNumber(device.rdev)) : undefined;
}

function wholeDisk(device: string): string {
  // A link to the device: what is above it is not what is above the link.
  const folder = `/sys/dev/block/${device}`;
  return existsSync(`${folder}/partition`) ? readFileSync(`${folder}/../dev`, "utf8").trim() : device;
}

function deviceNumber(dev: number): string {
  return `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}
