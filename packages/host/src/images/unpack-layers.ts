import { chmod, chown, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type LayoutImage, OperationError, runTool, type ToolOptions } from "@blockvisor/image/container";
import { writeLayerLayout } from "./layer-layout.ts";
import { nameLayers, runInStack } from "./stacked-layers.ts";

const UNPACK_TIMEOUT_MS = 2 * 3_600_000;

/**
 * Unpacks one layer of an image in `folder`, which is empty and has nothing but `diff` afterwards: the layer as an overlay wants it, above those
 * in `below` (folders, lowest first), with owners, modes, times and extended attributes. It is unpacked onto a mount of these, so the kernel writes down
 * what it removes of them, and no link of one layer is followed by another (umoci resolves every path inside the tree).
 * Errors `image-unpack-failed` (also: it is not what the image's configuration says), `disk-full`.
 */
export async function unpackLayer(
  image: LayoutImage,
  index: number,
  folder: string,
  below: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await withLayout(image, index, folder, signal, async (unpack, options) => {
    const top = below.at(-1);
    if (top === undefined) {
      await runTool(unpack[0], [...unpack.slice(1), "diff"], { ...options, cwd: folder });
      return;
    }
    for (const name of ["diff", "work", "merged"]) await mkdir(join(folder, name), { mode: 0o700 });
    // The root that is seen is the upper one, also where the layer says nothing of it.
    const { uid, gid, mode } = await stat(top);
    await chown(join(folder, "diff"), uid, gid);
    await chmod(join(folder, "diff"), mode & 0o7777);
    await nameLayers(join(folder, "below"), below);
    await runInStack(folder, below.length, { upper: true }, [...unpack, "merged"], options);
    for (const name of ["below", "work", "merged"]) await rm(join(folder, name), { recursive: true });
  });
}

/** Where layers cannot be stacked: all of them into `folder`/diff, one over the other. Errors as `unpackLayer`. */
export async function unpackFlat(image: LayoutImage, folder: string, signal?: AbortSignal): Promise<void> {
  if (image.layers.length === 0) await mkdir(join(folder, "diff"), { mode: 0o755 });
  for (const index of image.layers.keys()) {
    await withLayout(image, index, folder, signal, ([tool, ...args], options) =>
      runTool(tool, [...args, "diff"], { ...options, cwd: folder }),
    );
  }
}

async function withLayout(
  image: LayoutImage,
  index: number,
  folder: string,
  signal: AbortSignal | undefined,
  unpack: (command: readonly [string, ...string[]], options: ToolOptions) => Promise<unknown>,
): Promise<void> {
  try {
    await writeLayerLayout(image, index, join(folder, "layout"), signal);
    await unpack(["umoci", "raw", "unpack", "--image", "layout:image"], {
      timeoutMs: UNPACK_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== "tool-failed") throw error;
    if (error.message.includes("no space left on device")) {
      throw new OperationError("disk-full", "there is no space left on the disk to unpack the image", {
        fix: "free some space, then try again; what was fetched is kept",
        cause: error,
      });
    }
    throw new OperationError("image-unpack-failed", `the image cannot be unpacked: ${error.message}`, {
      fix: "check the image with: docker run, or build it again",
      cause: error,
    });
  } finally {
    await rm(join(folder, "layout"), { recursive: true, force: true });
  }
}
