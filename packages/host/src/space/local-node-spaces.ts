import { mkdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { unmountPoint } from "../rootfs/index.ts";
import { readMountsAt } from "../rootfs/mount-table.ts";
import { giveImageRoom, keepImageRoom } from "./image-room.ts";
import { growImage, imageUse, isImageMade, isImageShown, makeImage, showImage } from "./image-space.ts";
import type { NodeSpaces } from "./node-space.ts";
import {
  isSubvolumeMade,
  limitSubvolume,
  makeSubvolume,
  quotasOf,
  subvolumeId,
  subvolumeUse,
} from "./subvolume-space.ts";

const bytesPerGb = 1_000_000_000;

/** What babel writes when a node goes up or down, and what mounting an overlay needs: without, it is read-only. */
const roomBytes = 8_000_000;

export function createNodeSpaces(options: {
  /** Where the nodes' directories lie. */
  readonly directory: string;
  /** `auto`: subvolumes where the file system has quotas, and nothing elsewhere; `image`: images elsewhere; `off`: nothing. */
  readonly mode: "auto" | "image" | "off";
}): NodeSpaces {
  /** A subvolume keeps its number. */
  const subvolumes = new Map<string, number>();

  async function useOfSubvolume(directory: string) {
    const quotas = await quotasOf(directory);
    if (quotas === undefined) return undefined;
    const id = subvolumes.get(directory) ?? (await subvolumeId(directory));
    subvolumes.set(directory, id);
    return subvolumeUse(quotas, id);
  }

  /** Nothing where quotas are off: when they are on again, so is the limit with the next start or stop. */
  async function limit(directory: string, bytes: number): Promise<void> {
    const use = await useOfSubvolume(directory);
    if (use !== undefined && use.limit !== bytes) await limitSubvolume(directory, bytes);
  }

  return {
    async kindFor(gb) {
      if (options.mode === "off" || gb === 0) return "shared";
      if ((await quotasOf(options.directory)) !== undefined) return "subvolume";
      return options.mode === "image" ? "image" : "shared";
    },

    async prepare(directory, kind, { gb, before, isNew, release }) {
      if (kind === "shared") return;
      const isMade = kind === "image" ? isImageMade : isSubvolumeMade;
      if (!isMade(directory)) {
        if (!isNew) throw lost(directory);
        await (kind === "image" ? makeImage(directory, gb * bytesPerGb) : makeSubvolume(directory));
      }
      if (kind === "image") {
        await showImage(directory);
        if (before !== gb && !isNew) await growImage(directory, gb * bytesPerGb, release);
      } else await limit(directory, gb * bytesPerGb);
      await mkdir(join(directory, "space/roots"), { recursive: true, mode: 0o700 });
      for (const name of ["data", "roots"]) await lead(directory, name);
      if (isNew) await syncDirectory(directory);
    },

    isReady(directory, kind) {
      if (kind === "shared") return true;
      return kind === "image" ? isImageShown(directory) : isSubvolumeMade(directory);
    },

    async use(directory, kind) {
      if (kind === "shared" || !this.isReady(directory, kind)) return undefined;
      const use = await (kind === "image" ? imageUse(directory) : useOfSubvolume(directory));
      return use?.limit ? use : undefined;
    },

    async giveRoom(directory, { kind, gb }) {
      const use = await this.use(directory, kind);
      if (use === undefined || use.limit - use.used >= roomBytes) return;
      if (kind === "image") await giveImageRoom(directory);
      else await limit(directory, Math.min(use.used, gb * bytesPerGb) + roomBytes);
    },

    async keepRoom(directory, { kind, gb }) {
      if (kind === "shared" || !this.isReady(directory, kind)) return;
      await (kind === "image" ? keepImageRoom(directory, roomBytes) : limit(directory, gb * bytesPerGb));
    },

    async close(directory) {
      subvolumes.delete(directory);
      const space = await realpath(join(directory, "space")).catch(() => undefined);
      if (space === undefined) return;
      for (const { mountPoint } of await readMountsAt(space)) await unmountPoint(mountPoint);
    },
  };
}

async function lead(directory: string, name: string): Promise<void> {
  await symlink(`space/${name}`, join(directory, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

function lost(directory: string): HostError {
  return new HostError("failed", `the node's data are not there: ${directory} has lost its space`, {
    hint: "bring it back, from a backup: the node is tried again by itself; or delete the node",
  });
}
