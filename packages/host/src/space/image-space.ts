import { constants, lstatSync } from "node:fs";
import { mkdir, open, rename, rm, stat, statfs, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isOperationError, OperationError, runTool } from "@blockvisor/image/container";
import { failpoint, syncDirectory } from "../durable/index.ts";
import { unmountPoint } from "../rootfs/index.ts";
import { mountOf } from "../rootfs/mount-table.ts";
import type { SpaceUse } from "./node-space.ts";

/** Looking at all of a large file system takes a while. */
const checkTimeoutMs = 2 * 3_600_000;

/** Containers have the mounts of the host for a moment when they start. */
const [patienceMs, lookAgainMs] = [60_000, 50];

/** What is not written takes no room on the machine, and what is removed gives it back. */
const mountOptions = "loop,discard,noinit_itable,nodev";

const fileOf = (directory: string): string => join(directory, "space.img");
const spaceOf = (directory: string): string => join(directory, "space");

export function isImageMade(directory: string): boolean {
  return lstatSync(fileOf(directory), { throwIfNoEntry: false })?.isFile() ?? false;
}

export async function makeImage(directory: string, bytes: number): Promise<void> {
  const partial = `${fileOf(directory)}.new`;
  await rm(partial, { force: true });
  const file = await open(partial, "wx", 0o600);
  try {
    await file.truncate(bytes);
    await runTool("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "--", partial]);
    await file.sync();
  } finally {
    await file.close();
  }
  failpoint("space.made");
  await rename(partial, fileOf(directory));
  await syncDirectory(directory);
}

/** Told by its being another file system than the directory it is in. */
export function isImageShown(directory: string): boolean {
  const shown = lstatSync(spaceOf(directory), { throwIfNoEntry: false });
  return shown !== undefined && shown.dev !== lstatSync(directory).dev;
}

/** A file that is mounted already, where nobody sees it any more, is not mounted beside that: mount(8) finds its loop device. */
export async function showImage(directory: string): Promise<void> {
  await mkdir(spaceOf(directory), { recursive: true, mode: 0o700 });
  if (isImageShown(directory)) return;
  await runTool("mount", ["-t", "ext4", "-o", mountOptions, "--", fileOf(directory), spaceOf(directory)]);
  failpoint("space.mounted");
}

/** The kernel lets only processes that may go beyond limits (CAP_SYS_RESOURCE) grow what is mounted; for others it is unmounted meanwhile. */
export async function growImage(directory: string, bytes: number, release: () => Promise<void>): Promise<void> {
  const file = fileOf(directory);
  if ((await stat(file)).size < bytes) await truncate(file, bytes);
  failpoint("space.grown");
  const device = (await mountOf(spaceOf(directory)))?.source ?? "";
  await runTool("losetup", ["--set-capacity", device]);
  try {
    await runTool("resize2fs", [device], { timeoutMs: checkTimeoutMs });
  } catch (error) {
    if (!isOperationError(error, "tool-failed") || !error.message.includes("Permission denied")) throw error;
    await release();
    // It would go with the mount. Of a device, unlike of its file, the kernel knows who uses it: nobody can mount it while it is worked on.
    await using _held = await open(device);
    await unmountPoint(spaceOf(directory));
    failpoint("space.unmounted");
    await untilUnused(device, directory);
    // 1: something was found, and mended.
    await runTool("e2fsck", ["-f", "-p", device], { accept: [0, 1], timeoutMs: checkTimeoutMs });
    await runTool("resize2fs", [device], { timeoutMs: checkTimeoutMs });
    await showImage(directory);
  }
}

/**
 * What is mounted here is mounted in the namespace of every process that began one of its own meanwhile, too, as a container does when it
 * starts; as long as one of them has it, the file system lives, and writes. Error `rootfs-busy`.
 */
async function untilUnused(device: string, directory: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (await isClaimed(device)) {
    if (performance.now() > deadline) {
      throw new OperationError("rootfs-busy", `${spaceOf(directory)} is still mounted elsewhere`, {
        fix: `see who has it with: grep -l ${spaceOf(directory)} /proc/*/mountinfo`,
      });
    }
    await pause(lookAgainMs);
  }
}

/** By a file system that is mounted, or a tool that works on one. */
async function isClaimed(device: string): Promise<boolean> {
  try {
    await (await open(device, constants.O_RDONLY | constants.O_EXCL)).close();
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return true;
    throw error;
  }
}

export async function imageUse(directory: string): Promise<SpaceUse> {
  const { blocks, bfree, bavail, bsize } = await statfs(spaceOf(directory));
  const used = blocks - bfree;
  // The file system keeps some blocks for itself.
  return { used: used * bsize, limit: (used + bavail) * bsize };
}
