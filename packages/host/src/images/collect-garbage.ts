import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  blobsLock,
  layoutPath,
  OperationError,
  prepareStore,
  readLayoutBlobs,
  runTool,
  sweepPartialLayers,
  withFileLock,
} from "@blockvisor/image/container";
import { failpoint } from "../durable/index.ts";
import { readRootfsRecord } from "../rootfs/rootfs-record.ts";
import { layersOf, StoreSize } from "./image-size.ts";
import { layerFolder } from "./layer-folder.ts";

const HOUR_MS = 3_600_000;

interface Options {
  readonly nodesDirectory: string;
  readonly keep?: ReadonlySet<string>;
  readonly graceMs?: number;
  readonly maxBytes?: number;
}

/** Mark and sweep: what nodes stand on is read from their own records, so a lost counter can never free a used image. */
export async function collectImageGarbage(directory: string, options: Options): Promise<readonly string[]> {
  const { graceMs = HOUR_MS, maxBytes } = options;
  await prepareStore(directory);
  return withFileLock(blobsLock(directory), async () => {
    const used = await usedDigests(options.nodesDirectory);
    const images = await imagesByUse(directory);
    const sizes = maxBytes === undefined ? undefined : await StoreSize.of(directory, images);
    const removed: string[] = [];
    for (const { digest, folder, idleMs } of images) {
      if (used.has(digest) || options.keep?.has(digest) || idleMs < Math.min(graceMs, HOUR_MS)) continue;
      const isTooMuch = sizes !== undefined && maxBytes !== undefined && sizes.total > maxBytes;
      if (idleMs < graceMs && !isTooMuch) continue;
      // Out of sight in one step, so that a half-removed tree is never taken for an image.
      const trash = join(directory, "tmp", `trash-${randomBytes(6).toString("hex")}`);
      await rename(folder, trash);
      failpoint("image.trashed");
      await rm(layoutPath(directory, digest), { recursive: true, force: true });
      sizes?.remove(digest);
      removed.push(digest);
    }
    await sweepBlobs(directory);
    await sweepLayers(directory, Math.min(graceMs, HOUR_MS));
    await sweepPartialLayers(directory, Math.min(graceMs, 24 * HOUR_MS));
    // Under this lock nobody works in tmp: what is there was left by killed processes, or is trash.
    const leftovers = (await names(join(directory, "tmp"))).map((name) => join(directory, "tmp", name));
    if (leftovers.length > 0) await runTool("rm", ["-rf", "--", ...leftovers], { timeoutMs: HOUR_MS });
    return removed;
  });
}

/** The least recently used first; what is no complete image was never used. */
async function imagesByUse(directory: string) {
  const found = (await names(join(directory, "rootfs"))).map(async (name) => {
    const folder = join(directory, "rootfs", name);
    const lastUse = await stat(join(folder, "image.json")).catch(() => undefined);
    return {
      digest: `sha256:${name}`,
      folder,
      idleMs: lastUse ? Date.now() - lastUse.mtimeMs : Number.POSITIVE_INFINITY,
    };
  });
  return (await Promise.all(found)).toSorted((a, b) => b.idleMs - a.idleMs);
}

/** Digests every version of every node's root file system stands on. Error `image-unknown` where that cannot be read now. */
async function usedDigests(nodesDirectory: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (const node of await names(nodesDirectory)) {
    const roots = join(nodesDirectory, node, "roots");
    // Of a node whose space is not mounted.
    if ((await isLink(roots)) && !(await isDirectory(roots))) {
      throw new OperationError("image-unknown", `what node ${node} stands on is not there: ${roots} leads nowhere`, {
        fix: "look at the node: bv node status",
      });
    }
    for (const version of await names(roots)) {
      const known = await readRootfsRecord(join(roots, version));
      if (known) used.add(known.imageDigest);
    }
  }
  return used;
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function sweepBlobs(directory: string): Promise<void> {
  const kept = new Set<string>();
  for (const name of await names(join(directory, "layout"))) {
    for (const blob of await readLayoutBlobs(join(directory, "layout", name))) kept.add(blob);
  }
  for (const name of await names(join(directory, "blobs", "sha256"))) {
    if (!kept.has(`sha256:${name}`)) await rm(join(directory, "blobs", "sha256", name), { force: true });
  }
}

/** Layers of no image; those of an unpacking that was cut stay for a while, it may go on. */
async function sweepLayers(directory: string, graceMs: number): Promise<void> {
  const kept = new Set<string>();
  for (const name of await names(join(directory, "rootfs"))) {
    for (const layer of await layersOf(join(directory, "rootfs", name))) kept.add(layer);
  }
  for (const chain of await names(join(directory, "layers"))) {
    if (kept.has(chain)) continue;
    const folder = layerFolder(directory, chain);
    const since = await stat(join(folder, "layer.json"));
    if (Date.now() - since.mtimeMs < graceMs) continue;
    await rename(folder, join(directory, "tmp", `trash-${randomBytes(6).toString("hex")}`));
    await rm(join(directory, "locks", `${chain}.layer`), { force: true });
  }
}

function names(path: string): Promise<readonly string[]> {
  return readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
