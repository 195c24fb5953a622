import { createReadStream } from "node:fs";
import { posix } from "node:path";
import { PassThrough, pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { saveDockerImage } from "./docker-engine.ts";
import {
  DEFAULT_FILE_LIMITS,
  type FileLimits,
  type ImageFile,
  type LayerChanges,
  mergeLayers,
  missingTargets,
  readLayerChanges,
} from "./layer-files.ts";
import { blobPath, readLayout } from "./oci-layout.ts";
import { OperationError } from "./operation-error.ts";
import { tarEntries } from "./tar-entries.ts";

const MANIFEST_LIMIT = 8 * 1024 * 1024;

/**
 * Files of an image below `prefixes` (absolute paths such as `/var/lib/babel/plugin`), read straight from its layers: whiteouts
 * are honoured, links are reported and not followed, nothing is written. A link above a prefix is reported too.
 * Errors: `image-invalid`, `image-files-limit`.
 */
export async function readFilesFromImage(
  layout: string,
  prefixes: readonly string[],
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<readonly ImageFile[]> {
  const { layers } = await readLayout(layout);
  const changes: LayerChanges[] = [];
  for (const { digest } of layers) {
    const read = async (paths: readonly string[]) => {
      const blob = createReadStream(blobPath(layout, digest), { highWaterMark: 256 * 1024 });
      return readLayerChanges(await plainTar(blob), paths, limits);
    };
    const first = await read(prefixes);
    const targets = missingTargets(first);
    changes.push(targets.length > 0 ? await read([...prefixes, ...targets]) : first);
  }
  return mergeLayers(changes, prefixes, limits);
}

/**
 * The same for an image in a Docker engine, from the stream of `docker save`: nothing is written to disk.
 * Errors also: `docker-unreachable`.
 */
export async function readFilesFromDockerEngine(
  imageId: string,
  host: string,
  prefixes: readonly string[],
  options: { readonly limits?: FileLimits; readonly signal?: AbortSignal } = {},
): Promise<readonly ImageFile[]> {
  const limits = options.limits ?? DEFAULT_FILE_LIMITS;
  const read = async (paths: readonly string[]) =>
    savedLayers(await saveDockerImage(imageId, host, options.signal), paths, limits);
  const first = await read(prefixes);
  const targets = first.flatMap(missingTargets);
  return mergeLayers(targets.length > 0 ? await read([...prefixes, ...targets]) : first, prefixes, limits);
}

async function savedLayers(
  saved: Readable,
  prefixes: readonly string[],
  limits: FileLimits,
): Promise<readonly LayerChanges[]> {
  const layers = new Map<string, LayerChanges>();
  const aliases = new Map<string, string>();
  let manifest = "";
  for await (const entry of tarEntries(saved)) {
    if (entry.path === "manifest.json") {
      if (entry.size > MANIFEST_LIMIT) throw new OperationError("image-invalid", "the image's manifest is too large");
      manifest = (await entry.read()).toString("utf8");
    } else if (entry.kind === "link") {
      aliases.set(entry.path, posix.join(posix.dirname(entry.path), entry.target));
    } else if (entry.kind === "file" && isLayerName(entry.path)) {
      const changes = await layerIn(entry.chunks(), prefixes, limits);
      if (changes) layers.set(entry.path, changes);
    }
  }
  return layerOrder(manifest).map((path) => {
    const changes = layers.get(path) ?? layers.get(aliases.get(path) ?? "");
    if (!changes) throw new OperationError("image-invalid", `the Docker engine sent no layer ${path}`);
    return changes;
  });
}

/** `undefined` for a blob that is no layer (the newer save format names configurations and manifests alike). */
async function layerIn(
  chunks: AsyncGenerator<Buffer>,
  prefixes: readonly string[],
  limits: FileLimits,
): Promise<LayerChanges | undefined> {
  const first = await chunks.next();
  if (first.done || first.value[0] === 0x7b) return undefined;
  const whole = async function* () {
    yield first.value;
    yield* chunks;
  };
  return readLayerChanges(await plainTar(Readable.from(whole())), prefixes, limits);
}

function isLayerName(path: string): boolean {
  return path.endsWith("/layer.tar") || path.startsWith("blobs/sha256/");
}

function layerOrder(manifest: string): readonly string[] {
  try {
    const [image] = JSON.parse(manifest) as readonly { readonly Layers: readonly string[] }[];
    if (image && Array.isArray(image.Layers)) return image.Layers;
  } catch {
    // Reported below like any other manifest that is not one.
  }
  throw new OperationError("image-invalid", "the Docker engine sent no image manifest");
}

/** Uncompresses by what the bytes are, not by what a media type claims. */
async function plainTar(stream: Readable): Promise<Readable> {
  const source = pipeline(stream, new PassThrough(), () => {});
  const head = await firstBytes(source);
  const unpacker =
    head[0] === 0x1f && head[1] === 0x8b
      ? createGunzip({ chunkSize: 256 * 1024 })
      : head.readUInt32LE(0) === 0xfd2fb528
        ? createZstdDecompress({ chunkSize: 256 * 1024 })
        : undefined;
  if (!unpacker) return source;
  return pipeline(source, unpacker, () => {});
}

async function firstBytes(stream: PassThrough): Promise<Buffer> {
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    stream.unshift(chunk);
    return chunk.length >= 4 ? chunk : Buffer.concat([chunk, Buffer.alloc(4)]);
  }
  return Buffer.alloc(4);
}
