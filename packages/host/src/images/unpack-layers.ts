import { rm } from "node:fs/promises";
import { type LayoutImage, OperationError, runTool } from "@blockvisor/image/container";
import { layoutWithoutZstd } from "./plain-layers.ts";

const UNPACK_TIMEOUT_MS = 2 * 3_600_000;

/**
 * Unpacks all layers of an image into a new folder, with owners, modes, times and extended attributes, whiteouts applied and
 * no link of one layer followed by another (umoci resolves every path inside the tree). Errors `image-unpack-failed`, `disk-full`.
 */
export async function unpackLayers(image: LayoutImage, target: string, signal?: AbortSignal): Promise<void> {
  const folder = `${target}.layers`;
  try {
    const layout = await layoutWithoutZstd(image, folder, signal);
    await runTool("umoci", ["raw", "unpack", "--image", `${layout}:image`, target], {
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
    await rm(folder, { recursive: true, force: true });
  }
}
