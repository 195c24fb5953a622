import { stat } from "node:fs/promises";
import { join } from "node:path";
import { blobPath, layoutPath, readLayoutBlobs, runTool } from "@blockvisor/image/container";
import { z } from "zod";
import { readVersioned } from "../durable/index.ts";

const countMs = 3_600_000;
const sizeRecord = { version: 1, schema: z.object({ bytes: z.number().optional() }) } as const;

/** What a tree takes on the disk. */
export async function treeBytes(folder: string): Promise<number> {
  const { stdout } = await runTool("du", ["--summarize", "--block-size=1", "--", folder], { timeoutMs: countMs });
  return Number.parseInt(stdout, 10);
}

/** What an unpacked image takes, as noted when it was unpacked; earlier versions did not. */
async function unpackedBytes(folder: string): Promise<number> {
  const known = await readVersioned(join(folder, "image.json"), sizeRecord).catch(() => undefined);
  return known?.bytes ?? treeBytes(join(folder, "rootfs"));
}

/** What images take together, as they go one by one: layers that several have in common are there as long as one of these is. */
export class StoreSize {
  readonly #unpacked: ReadonlyMap<string, number>;
  readonly #blobs: Map<string, ReadonlyMap<string, number>>;

  private constructor(unpacked: ReadonlyMap<string, number>, blobs: Map<string, ReadonlyMap<string, number>>) {
    this.#unpacked = unpacked;
    this.#blobs = blobs;
  }

  static async of(
    directory: string,
    images: readonly { readonly digest: string; readonly folder: string }[],
  ): Promise<StoreSize> {
    const unpacked = new Map<string, number>();
    const blobs = new Map<string, ReadonlyMap<string, number>>();
    for (const { digest, folder } of images) {
      unpacked.set(digest, await unpackedBytes(folder));
      blobs.set(digest, await blobSizes(directory, digest));
    }
    return new StoreSize(unpacked, blobs);
  }

  /** Bytes on the disk. */
  get total(): number {
    const blobs = new Map([...this.#blobs.values()].flatMap((sizes) => [...sizes]));
    const trees = [...this.#blobs.keys()].map((digest) => this.#unpacked.get(digest) ?? 0);
    return [...trees, ...blobs.values()].reduce((sum, size) => sum + size, 0);
  }

  remove(digest: string): void {
    this.#blobs.delete(digest);
  }
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
