import { stat } from "node:fs/promises";
import { join } from "node:path";
import { blobPath, layoutPath, readLayoutBlobs, runTool } from "@blockvisor/image/container";
import { z } from "zod";
import { readVersioned } from "../durable/index.ts";
import { layerFolder } from "./layer-folder.ts";

const countMs = 3_600_000;
const sizeRecord = {
  version: 2,
  schema: z.object({ bytes: z.number().optional(), layers: z.array(z.string()).default([]) }),
} as const;
const layerRecord = { version: 1, schema: z.object({ bytes: z.number() }) } as const;

/** What a tree takes on the disk. */
export async function treeBytes(folder: string): Promise<number> {
  const { stdout } = await runTool("du", ["--summarize", "--block-size=1", "--", folder], { timeoutMs: countMs });
  return Number.parseInt(stdout, 10);
}

/** Chain ids of the layers that an unpacked image consists of. */
export async function layersOf(folder: string): Promise<readonly string[]> {
  return (await readVersioned(join(folder, "image.json"), sizeRecord))?.layers ?? [];
}

/** What an unpacked image takes besides its layers, as noted when it was unpacked; earlier versions did not. */
async function unpackedBytes(folder: string): Promise<number> {
  const known = await readVersioned(join(folder, "image.json"), sizeRecord).catch(() => undefined);
  return known?.bytes ?? treeBytes(join(folder, "rootfs"));
}

/** What images take together, as they go one by one: layers that several have in common are there as long as one of these is. */
export class StoreSize {
  readonly #unpacked: ReadonlyMap<string, number>;
  readonly #parts: Map<string, ReadonlyMap<string, number>>;

  private constructor(unpacked: ReadonlyMap<string, number>, parts: Map<string, ReadonlyMap<string, number>>) {
    this.#unpacked = unpacked;
    this.#parts = parts;
  }

  static async of(
    directory: string,
    images: readonly { readonly digest: string; readonly folder: string }[],
  ): Promise<StoreSize> {
    const unpacked = new Map<string, number>();
    const parts = new Map<string, ReadonlyMap<string, number>>();
    for (const { digest, folder } of images) {
      unpacked.set(digest, await unpackedBytes(folder));
      const layers = await layerSizes(directory, await layersOf(folder).catch(() => []));
      parts.set(digest, new Map([...layers, ...(await blobSizes(directory, digest))]));
    }
    return new StoreSize(unpacked, parts);
  }

  /** Bytes on the disk. */
  get total(): number {
    const parts = new Map([...this.#parts.values()].flatMap((sizes) => [...sizes]));
    const trees = [...this.#parts.keys()].map((digest) => this.#unpacked.get(digest) ?? 0);
    return [...trees, ...parts.values()].reduce((sum, size) => sum + size, 0);
  }

  remove(digest: string): void {
    this.#parts.delete(digest);
  }
}

async function layerSizes(directory: string, layers: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sizeOf = async (chain: string): Promise<readonly [string, number]> => {
    const known = await readVersioned(join(layerFolder(directory, chain), "layer.json"), layerRecord);
    return [`layer:${chain}`, known?.bytes ?? 0];
  };
  return new Map(await Promise.all(layers.map(sizeOf)));
}

/** What an image was unpacked from: the size of each blob. */
async function blobSizes(directory: string, digest: string): Promise<ReadonlyMap<string, number>> {
  const layout = layoutPath(directory, digest);
  const sizeOf = async (blob: string): Promise<readonly [string, number]> => [
    blob,
    await stat(blobPath(layout, blob)).then(
      ({ blocks }) => blocks * 512,
      () => 0,
    ),
  ];
  return new Map(await Promise.all((await readLayoutBlobs(layout)).map(sizeOf)));
}
