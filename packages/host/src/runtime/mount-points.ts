import { OperationError } from "@blockvisor/image/container";
import { checkRootedMountPoint, ensureRootedMountPoint } from "../rootfs/rooted-mount-point.ts";

/** What every runtime mounts by itself. */
export const SYSTEM_FOLDERS: readonly string[] = ["/dev", "/proc", "/sys"];

/**
 * Makes the places that something is mounted on where they are missing, and refuses an image that has a link on the way there: a runtime that follows
 * it, as runc does when it fills /dev, would act on the host. Nothing of the container runs yet. Error `container-start-failed`.
 */
export async function prepareMountPoints(
  rootfs: string,
  places: {
    readonly folders: readonly string[];
    readonly files?: readonly string[];
    /** Whether to make what is missing; default yes. */
    readonly make?: boolean;
    /** Whose it is then; default the machine's root. */
    readonly owner?: number;
  },
): Promise<void> {
  try {
    if (places.make === false) for (const path of places.folders) await checkRootedMountPoint(rootfs, path);
    else for (const path of places.folders) await ensureRootedMountPoint(rootfs, path, "directory", places.owner);
    for (const path of places.files ?? []) await ensureRootedMountPoint(rootfs, path, "file", places.owner);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperationError("container-start-failed", `the image has no place for a mount: ${reason}`, {
      fix: "let the image have plain folders where the platform mounts",
      cause,
    });
  }
}
