import { randomBytes } from "node:crypto";
import { lstatSync } from "node:fs";
import { chmod, chown, mkdir, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { OperationError } from "@blockvisor/image/container";
import { failpoint, syncDirectory } from "../durable/index.ts";
import type { ImageStore, UnpackedImage } from "../images/index.ts";
import { lowerDirectories, nameLayers, runInStack } from "../images/stacked-layers.ts";
import { launchTool } from "../launcher/index.ts";
import { type MountEntry, readMountsAt, readMountTable } from "./mount-table.ts";
import type { NodeRootfs, RootfsVersion } from "./node-rootfs.ts";
import { type RootfsRecord, readRootfsRecord, writeRootfsRecord } from "./rootfs-record.ts";
import { detectStorage, idBaseOf, mountMappedOverlay, mountOverlay } from "./rootfs-storage.ts";

const COPY_TIMEOUT_MS = 2 * 3_600_000;

/** A mounted root file system, told by its root folder. */
interface Shown {
  readonly dev: number;
  readonly ino: number;
  readonly version: string;
  /** Of the container's own ids. */
  readonly idBase: number | undefined;
}

/**
 *     <node>/roots/VERSION/rootfs.json         what it stands on
 *     <node>/roots/VERSION/{upper,work}        overlay: what the node changed
 *     <node>/roots/VERSION/rootfs              reflink, copy: the whole tree
 *     <node>/rootfs                            where the current version is mounted
 */
export function createNodeRootfs(images: Pick<ImageStore, "get">): NodeRootfs {
  /** What was found at a mount point where nothing else lay: with hundreds of nodes the table of mounts is long. */
  const known = new Map<string, Shown>();
  /** What file systems can, by their device: it is found out by trying, once. */
  const storages = new Map<number, RootfsRecord["storage"]>();

  async function storageOf(roots: string): Promise<RootfsRecord["storage"]> {
    const { dev } = await stat(roots);
    const storage = storages.get(dev) ?? (await detectStorage(roots));
    storages.set(dev, storage);
    return storage;
  }

  async function shownAt(target: string): Promise<Pick<Shown, "version" | "idBase"> | undefined> {
    const root = lstatSync(target, { throwIfNoEntry: false });
    const before = known.get(target);
    if (before !== undefined && before.dev === root?.dev && before.ino === root.ino) return before;
    known.delete(target);
    const mounts = await mountsAt(target);
    const mount = mounts.at(-1);
    const version = versionOf(mount);
    if (mount === undefined || version === undefined) return undefined;
    const found = { version, idBase: rangeOf(mount) };
    if (root !== undefined && mounts.length === 1) known.set(target, { dev: root.dev, ino: root.ino, ...found });
    return found;
  }

  return {
    async prepare(nodeDirectory, version, image) {
      const folder = versionFolder(nodeDirectory, version);
      const present = await readRootfsRecord(folder);
      if (present) return { version, ...present };
      const roots = join(nodeDirectory, "roots");
      await mkdir(roots, { recursive: true, mode: 0o700 });
      await sweepLeftovers(roots);
      const storage = await storageOf(roots);
      const temporary = join(roots, `.new-${randomBytes(6).toString("hex")}`);
      const record: RootfsRecord = { imageDigest: image.digest, storage };
      try {
        await mkdir(temporary, { mode: 0o700 });
        await fill(temporary, storage, image);
        await writeRootfsRecord(temporary, record);
        failpoint("rootfs.prepared");
        await rename(temporary, folder);
      } catch (error) {
        await sweepLeftovers(roots);
        throw error;
      }
      await syncDirectory(roots);
      return { version, ...record };
    },

    async mount(nodeDirectory, version, { ownIds = false } = {}) {
      const folder = versionFolder(nodeDirectory, version);
      const record = await readRootfsRecord(folder);
      if (!record) throw unknownVersion(nodeDirectory, version);
      const target = join(nodeDirectory, "rootfs");
      const isMapped = ownIds && record.storage === "overlay";
      const shown = await shownAt(target);
      const fits = shown?.version === version && (shown.idBase !== undefined) === isMapped;
      if (fits && known.has(target)) return target;
      await this.unmount(nodeDirectory);
      await mkdir(target, { recursive: true, mode: 0o755 });
      failpoint("rootfs.unmounted");
      try {
        if (record.storage === "overlay") {
          const { layers } = await images.get(record.imageDigest);
          if (isMapped) {
            const taken = (await readMountTable()).flatMap((mount) => rangeOf(mount) ?? []);
            await mountMappedOverlay(taken, { lowers: layers, folder, name: version, target });
          } else {
            await mountUnmapped(nodeDirectory, version, layers);
          }
        } else {
          await launchTool("mount", ["-o", "bind,nodev", "--", join(folder, "rootfs"), target]);
        }
      } catch (cause) {
        if (cause instanceof OperationError && cause.code !== "tool-failed") throw cause;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new OperationError("rootfs-mount-failed", `${target} cannot be mounted: ${reason}`, {
          fix: "see the kernel's reason with: dmesg | tail",
          cause,
        });
      }
      failpoint("rootfs.mounted");
      return target;
    },

    async unmount(nodeDirectory) {
      const target = join(nodeDirectory, "rootfs");
      known.delete(target);
      // More than one lies here only after a crash between looking and mounting.
      for (const { mountPoint } of await mountsAt(target)) await unmountOne(mountPoint);
    },

    mounted: async (nodeDirectory) => (await shownAt(join(nodeDirectory, "rootfs")))?.version,

    idBase: async (nodeDirectory) => (await shownAt(join(nodeDirectory, "rootfs")))?.idBase,

    async list(nodeDirectory) {
      const versions: RootfsVersion[] = [];
      for (const version of await visibleNames(join(nodeDirectory, "roots"))) {
        const record = await readRootfsRecord(join(nodeDirectory, "roots", version));
        if (record) versions.push({ version, ...record });
      }
      return versions;
    },

    async remove(nodeDirectory, version) {
      const folder = versionFolder(nodeDirectory, version);
      if ((await this.mounted(nodeDirectory)) === version) await this.unmount(nodeDirectory);
      const roots = join(nodeDirectory, "roots");
      const renamed = await rename(folder, join(roots, `.trash-${randomBytes(6).toString("hex")}`)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return false;
          throw error;
        },
      );
      if (renamed) await syncDirectory(roots);
      failpoint("rootfs.trashed");
      await sweepLeftovers(roots);
    },
  };
}

/** Paths in a mount's options are relative to where the layers are: so they are short, and the same characters everywhere. */
async function mountUnmapped(nodeDirectory: string, version: string, layers: readonly string[]): Promise<void> {
  const folder = await realpath(dirname(layers[0] ?? nodeDirectory));
  const base = relative(folder, await realpath(nodeDirectory));
  const own = join(base, "roots", version);
  await mountOverlay(folder, {
    lower: lowerDirectories(layers.map((layer) => basename(layer))),
    upper: join(own, "upper"),
    work: join(own, "work"),
    target: join(base, "rootfs"),
  });
}

async function fill(folder: string, storage: RootfsRecord["storage"], image: UnpackedImage): Promise<void> {
  if (storage === "overlay") {
    await mkdir(join(folder, "work"), { mode: 0o700 });
    const upper = join(folder, "upper");
    await mkdir(upper);
    // The merged root shows the owner and mode of the upper folder.
    const { uid, gid, mode } = await stat(image.layers.at(-1) ?? folder);
    await chown(upper, uid, gid);
    await chmod(upper, mode & 0o7777);
    return;
  }
  const [only = folder, ...others] = image.layers;
  if (others.length === 0) {
    const how = storage === "reflink" ? "always" : "auto";
    await launchTool("cp", ["-a", `--reflink=${how}`, "--", `${only}/.`, join(folder, "rootfs")], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
  } else {
    await copyStack(folder, image.layers);
  }
  await launchTool("sync", ["--file-system", folder], { timeoutMs: COPY_TIMEOUT_MS });
}

/** The copy is what the layers are on top of each other. */
async function copyStack(folder: string, layers: readonly string[]): Promise<void> {
  const work = join(folder, "stack");
  await mkdir(join(work, "merged"), { recursive: true, mode: 0o700 });
  await nameLayers(join(work, "below"), layers);
  const copy = ["cp", "-a", "--reflink=auto", "--", "merged/.", "../rootfs"];
  await runInStack(work, layers.length, { upper: false }, copy, { timeoutMs: COPY_TIMEOUT_MS });
  await rm(work, { recursive: true });
}

/** What a cut `prepare` or `remove` left; operations on one node are serial, so nobody works in these. */
async function sweepLeftovers(roots: string): Promise<void> {
  const names = await readdir(roots).catch(() => []);
  const found = names.filter((name) => /^\.(new|trash|probe)-/.test(name));
  if (found.length === 0) return;
  // The table of mounts knows no links.
  const real = await realpath(roots);
  const leftovers = found.map((name) => join(real, name));
  for (const { mountPoint } of await readMountTable()) {
    if (leftovers.some((leftover) => mountPoint.startsWith(`${leftover}/`))) await unmountOne(mountPoint);
  }
  await launchTool("rm", ["-rf", "--one-file-system", "--", ...leftovers], { timeoutMs: COPY_TIMEOUT_MS });
}

/** Everything mounted below a folder, the newest first, as paths below `folder` as it was given. */
export async function mountPointsBelow(folder: string): Promise<readonly string[]> {
  const real = await realpath(folder).catch(() => folder);
  return (await readMountTable())
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => path.startsWith(`${real}/`))
    .map((path) => folder + path.slice(real.length))
    .reverse();
}

/** Success when nothing is mounted there (any more). Error `rootfs-busy`. */
export const unmountPoint = unmountOne;

async function unmountOne(mountPoint: string): Promise<void> {
  try {
    await launchTool("umount", ["--no-canonicalize", "--", mountPoint]);
  } catch (cause) {
    if (!(cause instanceof OperationError) || cause.code !== "tool-failed") throw cause;
    if (/not mounted|no mount point/.test(cause.message)) return;
    throw new OperationError("rootfs-busy", `${mountPoint} cannot be unmounted: something still uses it`, {
      fix: `see what does with: fuser -vm ${mountPoint}`,
      cause,
    });
  }
}

async function mountsAt(target: string): Promise<readonly MountEntry[]> {
  const path = await realpath(target).catch(() => undefined);
  return path === undefined ? [] : readMountsAt(path);
}

/** Told by what is mounted: the upper folder of an overlay, or (copies) the folder a bind mount shows. */
function versionOf(mount: MountEntry | undefined): string | undefined {
  const upper = mount?.root === "/" ? mount.options.get("upperdir") : undefined;
  return /(?:^|\/)roots\/([^/]+)\/(?:upper|rootfs)$/.exec(upper ?? mount?.root ?? "")?.[1];
}

function rangeOf({ options }: MountEntry): number | undefined {
  return idBaseOf(options.get("upperdir"));
}

function versionFolder(nodeDirectory: string, version: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,79}$/.test(version)) return join(nodeDirectory, "roots", version);
  throw new OperationError("rootfs-unknown", `'${version}' is no version of a root file system`);
}

function unknownVersion(nodeDirectory: string, version: string): OperationError {
  return new OperationError("rootfs-unknown", `${nodeDirectory} has no root file system '${version}'`, {
    fix: "upgrade the node, which makes one from its image",
  });
}

async function visibleNames(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch(() => []);
  return names.filter((name) => !name.startsWith(".")).sort();
}
