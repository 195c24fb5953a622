import { constants, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type ImageConfig, parseImageConfig } from "./image-config.ts";
import { OperationError } from "./operation-error.ts";
import { parseDocument } from "./parse-document.ts";

/** One compressed or plain layer tar, lowest first in a manifest. */
export interface LayerDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image in an OCI layout folder on this machine. */
export interface LayoutImage {
  readonly layout: string;
  readonly manifestDigest: string;
  readonly config: ImageConfig;
  readonly layers: readonly LayerDescriptor[];
  /** What the configuration says the layers' plain tars are, one digest for each layer; checked only when they are unpacked. */
  readonly diffIds: readonly string[];
}

const DOCUMENT_LIMIT = 8 * 1024 * 1024;
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const descriptor = z.object({ mediaType: z.string().default(""), digest, size: z.number().int().nonnegative() });
const indexSchema = z.object({
  manifests: z.array(descriptor.extend({ annotations: z.record(z.string(), z.string()).nullish() })).min(1),
});
const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor).max(1_000) });

/** Digest of the manifest in a layout: the named one, or the only one. Errors `image-not-found`, `image-invalid`. */
export async function layoutManifestDigest(layout: string, name?: string): Promise<string> {
  const index = await readBounded(join(layout, "index.json"));
  return manifestInIndex(index, layout, name);
}

/** The same for the text of an `index.json`. */
export function manifestInIndex(index: string, where: string, name?: string): string {
  const { manifests } = parseDocument(indexSchema, index, `${where}/index.json`);
  const named = name === undefined ? manifests : manifests.filter((entry) => refName(entry.annotations) === name);
  const only = named[0];
  if (only && named.length === 1) return only.digest;
  const names = manifests.map((entry) => refName(entry.annotations)).filter((entry) => entry !== undefined);
  throw new OperationError(
    "image-not-found",
    name === undefined ? `${where} holds ${manifests.length} images` : `${where} holds no image named '${name}'`,
    { fix: names.length > 0 ? `add one of these names after the path: ${names.join(", ")}` : "leave the name out" },
  );
}

/** Reads the single image of a layout written by `fetchToLayout`. */
export async function readLayout(layout: string): Promise<LayoutImage> {
  const manifestDigest = await layoutManifestDigest(layout);
  const manifest = parseDocument(manifestSchema, await readBounded(blobPath(layout, manifestDigest)), "the manifest");
  const { config, diffIds } = parseImageConfig(await readBounded(blobPath(layout, manifest.config.digest)));
  if (diffIds.length !== manifest.layers.length) {
    const message = `the image's configuration is of ${diffIds.length} layers, its manifest of ${manifest.layers.length}`;
    throw new OperationError("image-invalid", message, { fix: "build the image again" });
  }
  return { layout, manifestDigest, config, layers: manifest.layers, diffIds };
}

/** Digests of all blobs a layout needs. */
export async function readLayoutBlobs(layout: string): Promise<readonly string[]> {
  const manifestDigest = await layoutManifestDigest(layout);
  const manifest = parseDocument(manifestSchema, await readBounded(blobPath(layout, manifestDigest)), "the manifest");
  return [manifestDigest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
}

/** Path of a blob; the digest's form was checked when it was parsed. */
export function blobPath(layout: string, blob: string): string {
  return join(layout, "blobs", "sha256", blob.slice("sha256:".length));
}

async function readBounded(path: string): Promise<string> {
  return (await readDocument(path)).toString("utf8");
}

/** Whoever named it may have put anything there: a pipe that nobody writes to, a device without end. Errors `image-not-found`, `image-invalid`. */
export async function readDocument(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") throw cause;
    throw new OperationError("image-not-found", `${path} does not exist`, {
      cause,
      fix: "check the path of the image",
    });
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new OperationError("image-invalid", `${path} is not a file`);
    if (found.size > DOCUMENT_LIMIT)
      throw new OperationError("image-invalid", `${path} has ${found.size} bytes, too many`);
    return await readFile(file);
  } finally {
    await file.close();
  }
}

function refName(annotations: Readonly<Record<string, string>> | null | undefined): string | undefined {
  return annotations?.["org.opencontainers.image.ref.name"];
}
