import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { blobPath, type LayerDescriptor, type LayoutImage } from "@blockvisor/image/container";

const ZSTD_MAGIC = 0xfd2fb528;
const PLAIN = "application/vnd.oci.image.layer.v1.tar";

/**
 * A layout of the same image that umoci can read: it knows gzip but not zstd, so such layers are unpacked into plain tars in
 * `folder`; all others stay where they are. Returns the image's own layout when there is nothing to do.
 */
export async function layoutWithoutZstd(image: LayoutImage, folder: string, signal?: AbortSignal): Promise<string> {
  const packed = await Promise.all(image.layers.map(({ digest }) => isZstd(blobPath(image.layout, digest))));
  if (!packed.includes(true)) return image.layout;
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true, mode: 0o700 });
  const layers: LayerDescriptor[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const source = blobPath(image.layout, layer.digest);
    if (packed[index]) layers.push(await unpackBlob(source, folder, signal));
    else {
      await symlink(source, join(blobs, hexOf(layer.digest))).catch(ignoreExisting);
      layers.push(layer);
    }
  }
  const manifest = JSON.parse(await readFile(blobPath(image.layout, image.manifestDigest), "utf8")) as {
    readonly config: { readonly digest: string };
  };
  await symlink(blobPath(image.layout, manifest.config.digest), join(blobs, hexOf(manifest.config.digest)));
  const text = JSON.stringify({ ...manifest, layers });
  const hex = createHash("sha256").update(text).digest("hex");
  await writeFile(join(blobs, hex), text);
  const entry = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: `sha256:${hex}`,
    size: Buffer.byteLength(text),
    annotations: { "org.opencontainers.image.ref.name": "image" },
  };
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return folder;
}

async function unpackBlob(source: string, folder: string, signal: AbortSignal | undefined): Promise<LayerDescriptor> {
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const temporary = join(folder, "layer");
  const stages = [createReadStream(source), createZstdDecompress(), measure, createWriteStream(temporary)] as const;
  await pipeline(...stages, signal ? { signal } : {});
  const hex = hash.digest("hex");
  await rename(temporary, join(folder, "blobs", "sha256", hex));
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

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** The same layer may be in an image twice. */
function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
