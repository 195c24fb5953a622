import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { withFileLock } from "./file-lock.ts";
import type { ImageReference } from "./image-reference.ts";
import { OperationError } from "./operation-error.ts";
import { openRegistry, type RegistryClient } from "./registry-client.ts";
import { runTool } from "./run-tool.ts";

/** From this size on, in bytes, it is worth while to go on in the middle of a layer. */
const LARGE = 4 * 1024 * 1024;
/** Layers of one image that are fetched at the same time. */
const AT_ONCE = 3;
/** Times that a connection may break without a byte having come. */
const MOST_BREAKS = 3;
const HASH_TIMEOUT_MS = 3_600_000;

const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const layerSchema = z.object({ digest, size: z.number().int().nonnegative() });
const manifestSchema = z.object({ layers: z.array(layerSchema).max(1_000) });
const indexSchema = z.object({
  manifests: z.array(z.object({ digest, platform: z.object({ os: z.string(), architecture: z.string() }).optional() })),
});
type Layer = z.infer<typeof layerSchema>;

export interface LargeLayerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (line: string) => void;
  readonly authFile?: string;
}

/**
 * Brings the large layers of a registry's image into `store`/blobs before skopeo fetches the rest, which takes what it finds there. What was cut
 * lies in `store`/partial/HEX, and goes on where it ended, in another process, too (spec host-daemon DB-5.1); a registry that sends no ranges
 * sends all of it again. A layer is in `blobs` only when all of it has its digest.
 *
 * What cannot be done this way is left to skopeo, which says what is in the way; so are images where something else than the plain
 * registry is to be asked (mirrors, proxies) or signatures are to be verified first. Errors `registry-unreachable` and `disk-full`, once some of a
 * layer has come; `aborted`.
 */
export async function fetchLargeLayers(
  image: ImageReference,
  imageDigest: string,
  store: string,
  options: LargeLayerOptions,
): Promise<void> {
  if (!(await isPlain())) return;
  const registry = openRegistry(image, options.authFile);
  const layers = await layersOf(registry, imageDigest, options.signal).catch(() => []);
  const wanted = layers.filter(({ digest: layer, size }) => size >= LARGE && !existsSync(blobOf(store, layer)));
  const waiting = [...new Map(wanted.map((layer) => [layer.digest, layer])).values()];
  if (waiting.length === 0) return;
  await mkdir(join(store, "partial"), { recursive: true, mode: 0o700 });
  const work = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer !== undefined; layer = waiting.shift()) {
      const each = layer;
      const hold = options.signal ? { signal: options.signal } : {};
      await withFileLock(
        join(store, "locks", `${hexOf(each.digest)}.blob`),
        () => fetchLayer(registry, each, store, options),
        hold,
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Removes what was cut and nobody has gone on with for `idleMs`. Nothing may be fetched meanwhile. */
export async function sweepPartialLayers(store: string, idleMs: number): Promise<void> {
  const folder = join(store, "partial");
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (Date.now() - (await stat(path)).mtimeMs < idleMs) continue;
    await rm(path, { force: true });
    await rm(join(store, "locks", `${name}.blob`), { force: true });
  }
}

/** Nothing but the registry itself is to be asked, and whatever it has is accepted. */
async function isPlain(): Promise<boolean> {
  if (["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].some((name) => process.env[name])) return false;
  const text = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
  const more = await readdir("/etc/containers/registries.conf.d").catch(() => []);
  const paths = ["registries.conf", ...more.map((name) => `registries.conf.d/${name}`)];
  const settings = await Promise.all(paths.map((path) => text(`/etc/containers/${path}`)));
  if (settings.some((each) => /^\s*\[{1,2}registr/m.test(each))) return false;
  const types = [...(await text("/etc/containers/policy.json")).matchAll(/"type"\s*:\s*"([^"]*)"/g)];
  return types.every(([, type]) => type === "insecureAcceptAnything");
}

async function layersOf(registry: RegistryClient, image: string, signal?: AbortSignal): Promise<readonly Layer[]> {
  const document = await registry.document(`manifests/${image}`, { accept: MANIFESTS }, signal);
  if (document === undefined || sha256(document) !== image) return [];
  const content: unknown = JSON.parse(document.toString());
  const index = indexSchema.safeParse(content);
  if (!index.success) return manifestSchema.parse(content).layers;
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const own = index.data.manifests.filter(
    ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
  );
  const [only] = own;
  if (only === undefined || own.length > 1 || only.digest === image) return [];
  const manifest = await registry.document(`manifests/${only.digest}`, { accept: MANIFESTS }, signal);
  if (manifest === undefined || sha256(manifest) !== only.digest) return [];
  return manifestSchema.parse(JSON.parse(manifest.toString())).layers;
}

async function fetchLayer(
  registry: RegistryClient,
  layer: Layer,
  store: string,
  options: LargeLayerOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  if (existsSync(blobOf(store, layer.digest))) return;
  const partial = join(store, "partial", hexOf(layer.digest));
  const begun = await sizeOf(partial);
  const name = hexOf(layer.digest).slice(0, 12);
  onProgress?.(
    begun === 0 ? `fetch layer ${name}` : `fetch layer ${name}, of which ${begun} of ${layer.size} bytes are here`,
  );
  for (let breaks = 0; (await sizeOf(partial)) < layer.size; ) {
    const before = await sizeOf(partial);
    try {
      if (!(await fetchRest(registry, layer, partial, signal))) return;
    } catch (error) {
      if (signal?.aborted) throw new OperationError("aborted", "fetching the image was given up", { cause: error });
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC") throw diskFull(error);
      breaks = (await sizeOf(partial)) > before ? 0 : breaks + 1;
      if (breaks >= MOST_BREAKS && (await sizeOf(partial)) === 0) return;
      if (breaks >= MOST_BREAKS) throw unreachable(layer, error);
    }
  }
  const { stdout } = await runTool("sha256sum", ["--", partial], {
    timeoutMs: HASH_TIMEOUT_MS,
    ...(signal ? { signal } : {}),
  });
  if (stdout.slice(0, 64) !== hexOf(layer.digest)) return rm(partial);
  await using file = await open(partial, "r");
  await file.sync();
  await rename(partial, blobOf(store, layer.digest));
}

/** Asks for what is not here. False: the registry does not give it. */
async function fetchRest(
  registry: RegistryClient,
  layer: Layer,
  partial: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const from = await sizeOf(partial);
  const range = from === 0 ? {} : { range: `bytes=${from}-` };
  const answer = await registry.get(`blobs/${layer.digest}`, range, signal);
  const goesOn = answer.status === 206 && answer.headers.get("content-range")?.startsWith(`bytes ${from}-`) === true;
  if (answer.body === null || !(goesOn || answer.status === 200)) {
    await answer.body?.cancel();
    return false;
  }
  const flags = goesOn ? "a" : "w";
  let room = layer.size - (goesOn ? from : 0);
  const bounded = new Transform({
    transform(part: Buffer, _, done) {
      room -= part.length;
      if (room < 0) done(new Error("the registry sends more than the manifest says"));
      else done(null, part);
    },
  });
  const file = createWriteStream(partial, { flags, mode: 0o600 });
  await pipeline(Readable.fromWeb(answer.body), bounded, file, ...(signal ? [{ signal }] : []));
  return true;
}

function diskFull(cause: unknown): OperationError {
  return new OperationError("disk-full", "there is no space left on the disk to fetch the image", {
    fix: "free some space, then try again; what was fetched so far is kept",
    cause,
  });
}

function unreachable({ digest: layer }: Layer, cause: unknown): OperationError {
  return new OperationError("registry-unreachable", `the registry does not answer while layer ${layer} is fetched`, {
    fix: "check the network, then try again; what was fetched so far is kept",
    cause,
  });
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function blobOf(store: string, blob: string): string {
  return join(store, "blobs", "sha256", hexOf(blob));
}

function hexOf(blob: string): string {
  return blob.slice("sha256:".length);
}

function sha256(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
