import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { type LayoutImage, runTool, withFileLock } from "@blockvisor/image/container";
import { failpoint, syncDirectory, writeDurable } from "../durable/index.ts";
import { treeBytes } from "./image-size.ts";
import { layerFolder } from "./layer-folder.ts";
import { unpackLayer } from "./unpack-layers.ts";

const SYNC_TIMEOUT_MS = 600_000;

/** Chain ids in hex, lowest first. */
function chainsOf(diffIds: readonly string[]): readonly string[] {
  const chains: string[] = [];
  for (const diffId of diffIds) {
    const below = chains.at(-1);
    const text = `sha256:${below} ${diffId}`;
    chains.push(below === undefined ? hex(diffId) : createHash("sha256").update(text).digest("hex"));
  }
  return chains;
}

/**
 * Unpacks the layers of an image that are not there yet, from the lowest on; each that is complete stays, whatever becomes of the next.
 * Others who want the same layer wait for it. Returns the chain ids, lowest first. Errors as `unpackLayer`.
 */
export async function ensureLayers(
  store: string,
  image: LayoutImage,
  options: { readonly signal?: AbortSignal; readonly onLayer?: (index: number) => void },
): Promise<readonly string[]> {
  const chains = chainsOf(image.diffIds);
  for (const [index, chain] of chains.entries()) {
    if (existsSync(layerFolder(store, chain))) continue;
    const below = chains.slice(0, index).map((lower) => join(layerFolder(store, lower), "diff"));
    const once = async (): Promise<void> => {
      if (existsSync(layerFolder(store, chain))) return;
      options.onLayer?.(index);
      await publishLayer(store, chain, (folder) => unpackLayer(image, index, folder, below, options.signal));
    };
    const signal = options.signal ? { signal: options.signal } : {};
    await withFileLock(join(store, "locks", `${chain}.layer`), once, signal);
  }
  return chains;
}

async function publishLayer(store: string, chain: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const temporary = join(store, "tmp", `layer-${randomBytes(6).toString("hex")}`);
  await mkdir(temporary, { mode: 0o700 });
  try {
    await fill(temporary);
    failpoint("layer.unpacked");
    await runTool("sync", ["--file-system", temporary], { timeoutMs: SYNC_TIMEOUT_MS });
    const bytes = await treeBytes(join(temporary, "diff"));
    await writeDurable(join(temporary, "layer.json"), JSON.stringify({ schema_version: 1, bytes }));
    await mkdir(join(store, "layers"), { recursive: true, mode: 0o700 });
    await rename(temporary, layerFolder(store, chain));
    await syncDirectory(join(store, "layers"));
    failpoint("layer.complete");
  } finally {
    await runTool("rm", ["-rf", "--", temporary], { timeoutMs: SYNC_TIMEOUT_MS });
  }
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}
