import { createHash } from "node:crypto";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { blobPath, layoutManifestDigest } from "./oci-layout.ts";

const plain = "application/vnd.oci.image.layer.v1.tar";
const oneManifest = z.looseObject({ manifests: z.tuple([z.looseObject({ digest: z.string() })]) });
const withLayers = z.looseObject({ layers: z.array(z.looseObject({ digest: z.string(), mediaType: z.string() })) });

/**
 * Makes the manifest of a layout say what its layers are. Docker engines and archives hand out uncompressed layers under the media type of
 * compressed ones; skopeo copies both as they are, and unpackers then refuse the image. What a layer is shows in its first bytes.
 */
export async function correctLayerTypes(layout: string): Promise<void> {
  const manifestPath = blobPath(layout, await layoutManifestDigest(layout));
  const manifest = withLayers.parse(JSON.parse(await readFile(manifestPath, "utf8")));
  const layers = await Promise.all(
    manifest.layers.map(async (layer) => ({ ...layer, mediaType: await layerType(blobPath(layout, layer.digest)) })),
  );
  if (layers.every((layer, index) => layer.mediaType === manifest.layers[index]?.mediaType)) return;
  const text = JSON.stringify({ ...manifest, layers });
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const temporary = join(layout, "manifest.json");
  await writeFile(temporary, text, { flush: true });
  await rename(temporary, blobPath(layout, digest));
  const indexPath = join(layout, "index.json");
  const index = oneManifest.parse(JSON.parse(await readFile(indexPath, "utf8")));
  const manifests = [{ ...index.manifests[0], digest, size: Buffer.byteLength(text) }];
  await writeFile(indexPath, JSON.stringify({ ...index, manifests }));
}

async function layerType(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.readUInt16BE(0) === 0x1f8b) return `${plain}+gzip`;
    if (buffer.readUInt32LE(0) === 0xfd2fb528) return `${plain}+zstd`;
    return plain;
  } finally {
    await file.close();
  }
}
