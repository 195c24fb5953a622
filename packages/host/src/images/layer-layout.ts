import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { blobPath, type LayerDescriptor, type LayoutImage } from "@blockvisor/image/container";

const ZSTD_MAGIC = 0xfd2fb528;
const PLAIN = "application/vnd.oci.image.layer.v1.tar";

/**
 * Makes `folder` the OCI layout of an image, named `image`, that has one layer of another: what umoci, which knows only whole images, unpacks
 * one layer from. It verifies what the layer's digests say. It knows gzip but not zstd, so such a layer is unpacked into a plain tar.
 */
export async function writeLayerLayout(
  image: LayoutImage,
  index: number,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true, mode: 0o700 });
  const put = async (document: unknown) => {
    const text = JSON.stringify(document);
    const hex = createHash("sha256").update(text).digest("hex");
    await writeFile(join(blobs, hex), text);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
  };
  const rootfs = { type: "layers", diff_ids: image.diffIds.slice(index, index + 1) };
  const config = await put({ architecture: image.config.architecture, os: "linux", config: {}, rootfs });
  const manifest = await put({
    schemaVersion: 2,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: await Promise.all(image.layers.slice(index, index + 1).map((layer) => bring(layer))),
  });
  const entry = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": "image" },
  };
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));

  async function bring(layer: LayerDescriptor): Promise<LayerDescriptor> {
    const source = blobPath(image.layout, layer.digest);
    if (await isZstd(source)) return unpackBlob(source, blobs, signal);
    await symlink(source, join(blobs, layer.digest.slice("sha256:".length)));
    return layer;
  }
}

async function unpackBlob(source: string, blobs: string, signal: AbortSignal | undefined): Promise<LayerDescriptor> {
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const temporary = join(blobs, "layer");
  const stages = [createReadStream(source), createZstdDecompress(), measure, createWriteStream(temporary)] as const;
  await pipeline(...stages, signal ? { signal } : {});
  const hex = hash.digest("hex");
  await rename(temporary, join(blobs, hex));
  return { mediaType: PLAIN, digest: `sha256:${hex}`, size };
}

async function isZstd(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32LE(0) === ZSTD_MAGIC;
  } finally {
    await file.close();
  }
}
