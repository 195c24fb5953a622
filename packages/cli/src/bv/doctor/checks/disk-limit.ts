import { existsSync, statfsSync } from "node:fs";
import { stateDirectory } from "../../../place/root.ts";
import { type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt, isInstalled } from "../trial.ts";
import { nearestDirectory } from "./disk.ts";

const btrfs = 0x9123683e;
const imageTools = ["mkfs.ext4", "e2fsck", "resize2fs", "losetup", "fallocate"];

/** What keeps nodes to their disk size: the kernel, where it can, or only the daemon when the disk runs full. */
export async function checkDiskLimit({ config, signal }: Patient): Promise<readonly Finding[]> {
  const mode = config?.disk_limit ?? "auto";
  const place = nearestDirectory(stateDirectory());
  if (mode === "off")
    return [found("the daemon only watches the sizes of nodes: disk_limit is off in blockvisor.json")];
  if (statfsSync(place).type === btrfs) return [await onBtrfs(place, signal)];
  if (mode === "image") return [images()];
  const more = 'with "disk_limit": "image" in blockvisor.json each new node gets a file system of its own';
  return [found(`the daemon watches the sizes of nodes; ${more}`)];
}

async function onBtrfs(place: string, signal: AbortSignal): Promise<Finding> {
  const fix = `apt-get install btrfs-progs && btrfs quota enable ${place}`;
  if (!isInstalled("btrfs")) return missing("btrfs is not installed", fix);
  const quotas = await attempt("btrfs", ["qgroup", "show", place], signal);
  if (quotas.worked) return found(`btrfs keeps each new node to its size: quotas are on at ${place}`);
  return missing(`quotas are off at ${place}`, fix);
}

function images(): Finding {
  const absent = imageTools.filter((tool) => !isInstalled(tool));
  if (absent.length > 0)
    return missing(`not installed: ${absent.join(", ")}`, "apt-get install e2fsprogs mount util-linux");
  if (!existsSync("/dev/loop-control")) return missing("there are no loop devices", "modprobe loop");
  return found("each new node gets a file system of its own, as large as its disk size");
}

function found(message: string): Finding {
  return ok("disk-limit", message);
}

function missing(message: string, fix: string): Finding {
  return warning("disk-limit", `the kernel cannot keep nodes to their disk size: ${message}`, fix);
}
